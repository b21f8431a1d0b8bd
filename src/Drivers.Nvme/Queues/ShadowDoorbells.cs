using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>The two pages of Doorbell Buffer Config ([NVMe-2.1] 5.2.5): doorbells, and up to where the controller wants no register written.</summary>
internal sealed class ShadowDoorbells : IDisposable
{
    private const int PageSize = 4096;
    private readonly DmaMemory _memory;
    private readonly int _stride;

    internal ShadowDoorbells(DmaSpace space, ulong stride)
    {
        _memory = space.Allocate(2 * PageSize);
        _stride = (int)stride;
    }

    /// <summary>Queues whose doorbells are in the pages, the admin queue among them.</summary>
    internal int Queues => PageSize / (2 * _stride);

    internal ulong Doorbells => _memory.Iova;

    internal ulong EventIndices => _memory.Iova + PageSize;

    /// <summary>Zeroes both pages, while the controller is stopped.</summary>
    internal void Clear() => _memory.Slice(0, 2 * PageSize).AsSpan().Clear();

    /// <summary>The words of a doorbell.</summary>
    /// <param name="index">Twice the queue's identifier for its tail, one more for its head.</param>
    internal (SharedMemory Doorbell, SharedMemory EventIndex) Take(int index) =>
        (_memory.View((ulong)(index * _stride), sizeof(uint)), _memory.View((ulong)(PageSize + (index * _stride)), sizeof(uint)));

    public void Dispose() => _memory.Dispose();
}
