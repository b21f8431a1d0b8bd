using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>The 82540EM: PCI, one queue pair, legacy receive descriptors.</summary>
internal readonly struct Chip82540 : IChip
{
    /// <summary>What the control path has to know.</summary>
    public static readonly ChipInfo Info = new()
    {
        Name = "82540EM",
        Queues = 1,
        MaxFrame = 16128,
        EepromDone = 1 << 4,
        EepromAddressShift = 8,
        PacketBuffer = frame => frame > 8192 ? 40u : 48u,
        Segmentation = NetOffloads.SegmentTcp4,
        CreateQueue = (port, index, options) => new E1000Queue<Chip82540>(port, index, options),
    };

    // The erratum of premature write-back limits what a descriptor may fetch in segmented frames; one limit for all frames is simpler and costs nothing up to 4 KiB.
    public static int MaxDescriptorData => 4096;

    public static bool KeepsContext => true;

    public static bool ReportsEarlyAfterSegmentation => true;

    // Controllers before the 82571 are not known to get the length in the IPv6 header right, and models of them do not.
    public static bool SegmentsIp6 => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Status(ulong second) => (uint)(second >> 32) & 0xff | (uint)(second >> 40 & 0xff) << 24;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReceivedLength(ulong second) => (ushort)second;
}
