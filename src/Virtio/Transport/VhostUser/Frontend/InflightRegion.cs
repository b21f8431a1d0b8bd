using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>Memory in which a back end keeps what is in flight; the front end keeps it over a reconnection (section "Inflight I/O tracking").</summary>
/// <param name="Memory">The memory, to be given to the next back end.</param>
/// <param name="Size">Length in bytes.</param>
/// <param name="Offset">Where in the memory it starts.</param>
/// <param name="QueueCount">Number of virtqueues.</param>
/// <param name="QueueSize">Descriptors of each.</param>
public sealed record InflightRegion(Grant Memory, ulong Size, ulong Offset, ushort QueueCount, ushort QueueSize) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();
}
