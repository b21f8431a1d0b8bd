namespace Makatea.Drivers.Iommu.Registers;

/// <summary>Offsets and bits of a remapping unit's registers ([VT-d-4.1] 11.4). Those of 64 bits are read and written at once.</summary>
internal static class VtdRegisters
{
    /// <summary>Registers at fixed offsets fit into a page.</summary>
    internal const ulong PageLength = 0x1000;

    /// <summary>RO, 32 bits: major version in bits 7:4.</summary>
    internal const ulong Version = 0x00;

    /// <summary>RO, 64 bits.</summary>
    internal const ulong Capability = 0x08;

    /// <summary>RO, 64 bits.</summary>
    internal const ulong ExtendedCapability = 0x10;

    /// <summary>WO, 32 bits. One bit changes at a time; the others are written as they are.</summary>
    internal const ulong GlobalCommand = 0x18;

    /// <summary>RO, 32 bits.</summary>
    internal const ulong GlobalStatus = 0x1c;

    /// <summary>RW, 64 bits.</summary>
    internal const ulong RootTableAddress = 0x20;

    /// <summary>RW1C, 32 bits.</summary>
    internal const ulong FaultStatus = 0x34;

    /// <summary>RW, 32 bits.</summary>
    internal const ulong FaultEventControl = 0x38;

    /// <summary>RW, 32 bits.</summary>
    internal const ulong FaultEventData = 0x3c;

    /// <summary>RW, 32 bits.</summary>
    internal const ulong FaultEventAddress = 0x40;

    /// <summary>RW, 32 bits.</summary>
    internal const ulong FaultEventUpperAddress = 0x44;

    /// <summary>RW, 32 bits.</summary>
    internal const ulong ProtectedMemoryEnable = 0x64;

    /// <summary>RO, 64 bits: offset of the next descriptor that the unit fetches.</summary>
    internal const ulong InvalidationQueueHead = 0x80;

    /// <summary>RW, 64 bits: offset behind the last descriptor.</summary>
    internal const ulong InvalidationQueueTail = 0x88;

    /// <summary>RW, 64 bits: address, width (bit 11: 0 for 128 bits) and size (bits 2:0: pages, as a power of two).</summary>
    internal const ulong InvalidationQueueAddress = 0x90;

    /// <summary>RW, 64 bits: address, x2APIC mode (bit 11) and size (bits 3:0: number of entries is two to this plus one).</summary>
    internal const ulong InterruptTableAddress = 0xb8;

    /// <summary>Length of a fault recording register.</summary>
    internal const ulong FaultRecordLength = 16;

    /// <summary>Bits of <see cref="GlobalCommand"/>, and of <see cref="GlobalStatus"/> where they say what is.</summary>
    internal static class Global
    {
        internal const uint Translation = 1u << 31;
        internal const uint RootTablePointer = 1u << 30;
        internal const uint WriteBufferFlush = 1u << 27;
        internal const uint QueuedInvalidation = 1u << 26;
        internal const uint InterruptRemapping = 1u << 25;
        internal const uint InterruptTablePointer = 1u << 24;
        internal const uint CompatibilityInterrupts = 1u << 23;

        /// <summary>Bits that stay as they are written; the others start something.</summary>
        internal const uint Lasting = Translation | QueuedInvalidation | InterruptRemapping | CompatibilityInterrupts;
    }

    /// <summary>Bits of <see cref="FaultStatus"/>.</summary>
    internal static class Fault
    {
        internal const uint Overflow = 1 << 0;
        internal const uint Pending = 1 << 1;
        internal const uint QueueError = 1 << 4;
        internal const uint CompletionError = 1 << 5;
        internal const uint CompletionTimeout = 1 << 6;
        internal const int RecordIndexShift = 8;
        internal const uint RecordIndexMask = 0xff;
    }

    /// <summary>Bits of a fault recording register's upper half ([VT-d-4.1] 11.4.14).</summary>
    internal static class FaultRecord
    {
        internal const ulong Valid = 1ul << 63;
        internal const ulong IsRead = 1ul << 62;
        internal const int ReasonShift = 32;
    }

    /// <summary>Bits of <see cref="FaultEventControl"/>.</summary>
    internal static class FaultEvent
    {
        internal const uint Mask = 1u << 31;
    }

    /// <summary>Bits of <see cref="ProtectedMemoryEnable"/>.</summary>
    internal static class ProtectedMemory
    {
        internal const uint Enable = 1u << 31;
        internal const uint Status = 1u << 0;
    }
}
