namespace Makatea.Drivers.Nvme;

/// <summary>Controller properties in BAR 0 ([NVMe-2.1] 3.1.4, Figure 33).</summary>
/// <remarks>[NVMe-2.1] is the NVM Express Base Specification 2.1; [NVM-1.1] the NVM Command Set Specification 1.1.</remarks>
internal static class ControllerRegisters
{
    /// <summary>Controller Capabilities, 64 bits, RO.</summary>
    internal const ulong Cap = 0x00;

    /// <summary>Version, 32 bits, RO. Never 0 nor all ones in a controller that is there.</summary>
    internal const ulong Vs = 0x08;

    /// <summary>Controller Configuration, 32 bits, RW.</summary>
    internal const ulong Cc = 0x14;

    /// <summary>Controller Status, 32 bits, RO.</summary>
    internal const ulong Csts = 0x1c;

    /// <summary>Admin Queue Attributes, 32 bits, RW.</summary>
    internal const ulong Aqa = 0x24;

    /// <summary>Admin Submission Queue Base Address, 64 bits, RW.</summary>
    internal const ulong Asq = 0x28;

    /// <summary>Admin Completion Queue Base Address, 64 bits, RW.</summary>
    internal const ulong Acq = 0x30;

    /// <summary>First doorbell: Submission Queue 0 Tail ([NVMe-2.1] over PCIe Transport 1.1, 3.1.2).</summary>
    internal const ulong Doorbells = 0x1000;

    /// <summary>What all 32-bit registers read as once the function is gone.</summary>
    internal const uint Gone = uint.MaxValue;

    /// <summary>Controller Configuration ([NVMe-2.1] Figure 41).</summary>
    internal static class CcBits
    {
        /// <summary>Enable.</summary>
        internal const uint Enable = 1 << 0;

        /// <summary>Shutdown Notification, bits 15:14.</summary>
        internal const uint ShutdownMask = 3 << 14;

        /// <summary>Shutdown Notification: normal.</summary>
        internal const uint ShutdownNormal = 1 << 14;

        /// <summary>
        /// What the driver runs with: NVM command set (CSS 0), pages of 4 KiB (MPS 0), round robin (AMS 0), submission entries of 64 bytes (IOSQES 6)
        /// and completion entries of 16 (IOCQES 4).
        /// </summary>
        internal const uint Settings = (6 << 16) | (4 << 20);
    }

    /// <summary>Controller Status ([NVMe-2.1] Figure 42).</summary>
    internal static class CstsBits
    {
        /// <summary>Ready.</summary>
        internal const uint Ready = 1 << 0;

        /// <summary>Controller Fatal Status.</summary>
        internal const uint Fatal = 1 << 1;

        /// <summary>Shutdown Status, bits 3:2.</summary>
        internal const uint ShutdownMask = 3 << 2;

        /// <summary>Shutdown Status: complete.</summary>
        internal const uint ShutdownComplete = 2 << 2;
    }
}
