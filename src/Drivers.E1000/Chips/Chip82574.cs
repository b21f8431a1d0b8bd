using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>The 82574L: PCI Express, two queue pairs, MSI-X, extended receive descriptors.</summary>
internal readonly struct Chip82574 : IChip
{
    /// <summary>What the control path has to know.</summary>
    public static readonly ChipInfo Info = new()
    {
        Name = "82574L",
        Queues = 2,
        Is82574 = true,
        MaxFrame = 9234,
        EepromDone = 1 << 1,
        EepromAddressShift = 2,
        PacketBuffer = frame => frame > 1522 ? 20u : 32u,
        Segmentation = NetOffloads.SegmentTcp4 | NetOffloads.SegmentTcp6,
        CreateQueue = (port, index, options) => new E1000Queue<Chip82574>(port, index, options),
    };

    public static int MaxDescriptorData => 8192;

    // The controller has one context for both queues ([82574-DS] 7.2.6, notes), so each frame brings its own.
    public static bool KeepsContext => false;

    public static bool ReportsEarlyAfterSegmentation => false;

    public static bool SegmentsIp6 => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Status(ulong second) => (uint)second;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ReceivedLength(ulong second) => (ushort)(second >> 32);
}
