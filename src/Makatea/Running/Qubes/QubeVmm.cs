using Makatea.Platform.Linux;
using Makatea.Qemu;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>What a qube runs in: a program that takes its console's socket, its disks' and its net domain's, and QEMU's machine protocol on a descriptor.</summary>
internal abstract class QubeVmm
{
    /// <summary>Which one.</summary>
    public abstract VmmKind Kind { get; }

    /// <summary>Its name for users.</summary>
    public abstract string Title { get; }

    /// <summary>The program and its arguments for a qube.</summary>
    /// <param name="qube">The qube, its paths made absolute.</param>
    /// <param name="paths">Its sockets.</param>
    /// <param name="monitor">Descriptor of its monitor, a connected UNIX socket.</param>
    /// <param name="restore">Path of a snapshot to go on from, or null to boot.</param>
    /// <exception cref="IOException">It has no snapshots.</exception>
    public abstract SandboxOptions Program(QubeDescription qube, QubePaths paths, int monitor, string? restore = null);

    /// <summary>Asks a running one what it is.</summary>
    /// <exception cref="IOException">It ended or refused.</exception>
    public abstract Task<QubeMachine> InfoAsync(QmpClient monitor, CancellationToken cancellation);

    /// <summary>Has a running one write all of the qube but its disks into a file; it goes on behind that.</summary>
    /// <exception cref="IOException">It ended or refused, or has no snapshots.</exception>
    public abstract Task SnapshotAsync(QmpClient monitor, string file, CancellationToken cancellation);
}
