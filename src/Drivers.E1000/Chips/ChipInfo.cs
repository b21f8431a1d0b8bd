using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>What of a controller the control path has to know.</summary>
internal sealed record ChipInfo
{
    private const ushort Intel = 0x8086;

    /// <summary>As Intel calls it.</summary>
    public required string Name { get; init; }

    /// <summary>Queue pairs.</summary>
    public required int Queues { get; init; }

    /// <summary>It has the registers of <see cref="Register82574"/>.</summary>
    public bool Is82574 { get; init; }

    /// <summary>Longest frame in bytes, with its check sequence.</summary>
    public required int MaxFrame { get; init; }

    /// <summary>EERD.DONE.</summary>
    public required uint EepromDone { get; init; }

    /// <summary>Where the address is in EERD.</summary>
    public required int EepromAddressShift { get; init; }

    /// <summary>KiB of the packet buffer for receiving, by the longest frame: what remains holds two such frames to be transmitted.</summary>
    public required Func<int, uint> PacketBuffer { get; init; }

    /// <summary>What it cuts into segments; its queues refuse the rest.</summary>
    public required NetOffloads Segmentation { get; init; }

    /// <summary>Makes a queue whose data path is this controller's.</summary>
    public required Func<E1000Port, int, NetQueueOptions, E1000Queue> CreateQueue { get; init; }

    /// <summary>Which controller a function is, or null.</summary>
    public static ChipInfo? Find(PciIdentity identity) => (identity.Vendor, identity.Device) switch
    {
        (Intel, 0x100e or 0x1015) => Chip82540.Info,
        (Intel, 0x10d3 or 0x10f6) => Chip82574.Info,
        _ => null,
    };
}
