namespace Makatea.Compare;

/// <summary>How to compare.</summary>
internal sealed record CompareOptions
{
    /// <summary>Our command.</summary>
    public required string Command { get; init; }

    /// <summary>A folder in memory.</summary>
    public required string Folder { get; init; }

    /// <summary>Size of the disk in bytes.</summary>
    public required long Size { get; init; }

    /// <summary>Length of one run.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary>Runs of each back end in each scenario.</summary>
    public required int Rounds { get; init; }

    /// <summary>Depths to measure.</summary>
    public required int[] Depths { get; init; }

    /// <summary>Numbers of queues to measure.</summary>
    public required int[] Queues { get; init; }

    /// <summary>Devices to measure.</summary>
    public required DeviceKind[] Devices { get; init; }

    /// <summary>How the peer does its file I/O: threads or io_uring.</summary>
    public required string PeerAio { get; init; }

    /// <summary>Which back ends to run: ours, peer or both.</summary>
    public required string Only { get; init; }

    /// <summary>Has the driver put requests into indirect tables, as Linux does.</summary>
    public required bool Indirect { get; init; }

    /// <summary>Uses packed rings where the back end has them (the peer has none).</summary>
    public required bool Packed { get; init; }

    /// <summary>The processor of the front end; null leaves it to the kernel.</summary>
    public required int? FrontendCpu { get; init; }

    /// <summary>The processor of the back ends; null leaves it to the kernel.</summary>
    public required int? BackendCpu { get; init; }
}
