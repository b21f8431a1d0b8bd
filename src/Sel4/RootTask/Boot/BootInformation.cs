using System.Runtime.InteropServices;

namespace Makatea.Sel4;

/// <summary>What the kernel tells the root task (seL4_BootInfo of an MCS kernel).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BootInformation
{
    internal ulong ExtraLength;
    internal ulong Node;
    internal ulong Nodes;
    internal ulong IOPageTableLevels;
    internal ulong IpcBuffer;
    internal SlotRange Empty;
    internal SlotRange SharedFrames;
    internal SlotRange ImageFrames;
    internal SlotRange ImageTables;
    internal SlotRange IOSpaces;
    internal SlotRange ExtraPages;
    internal ulong TableBits;
    internal ulong SchedulingDomain;
    internal SlotRange ScheduleControl;
    internal SlotRange Untyped;

    /// <summary>Ticks of the time-stamp counter in a microsecond, as the kernel measured them; it says so in a record behind the first page (seL4_BootInfoHeader).</summary>
    internal static unsafe ulong TicksPerMicrosecond(BootInformation* information)
    {
        const ulong Frequency = 5;
        const ulong HeaderLength = 16;
        const ulong Page = 4096;
        const ulong Guess = 1000;
        byte* extra = (byte*)information + Page;
        for (ulong at = 0; at + HeaderLength < information->ExtraLength;)
        {
            ulong length = *(ulong*)(extra + at + 8);
            if (*(ulong*)(extra + at) == Frequency)
            {
                return *(uint*)(extra + at + HeaderLength);
            }

            if (length < HeaderLength)
            {
                break;
            }

            at += length;
        }

        return Guess;
    }

    /// <summary>The untyped objects, one for each slot of <see cref="Untyped"/>.</summary>
    internal static unsafe UntypedDescription* UntypedList(BootInformation* information) => (UntypedDescription*)(information + 1);
}

/// <summary>Slots in a row.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct SlotRange
{
    internal ulong First;

    /// <summary>The slot after the last.</summary>
    internal ulong End;
}

/// <summary>An untyped object of the start (seL4_UntypedDesc).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct UntypedDescription
{
    internal ulong Address;
    internal byte Bits;
    internal byte IsDevice;
    internal ushort Padding0;
    internal uint Padding1;
}
