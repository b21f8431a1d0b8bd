using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>
/// A device that does what it may and nobody likes: it takes its time, finishes requests in another order than they came, writes long after it was asked to,
/// and fails those it is told to fail.
/// </summary>
public sealed class FaultyDevice(BlockDevice below, int seed) : BlockDevice
{
    private readonly List<FaultyQueue> _queues = [];
    private int _opened;

    /// <summary>Which requests fail, without effect.</summary>
    public Func<BlockRequest, bool> Fails { get; set; } = _ => false;

    /// <summary>Which requests are kept back until this changes.</summary>
    public Func<BlockRequest, bool> Holds { get; set; } = _ => false;

    /// <summary>What to change in <see cref="BlockDevice.Info"/>.</summary>
    public Func<BlockDeviceInfo, BlockDeviceInfo> Claims { get; set; } = info => info;

    /// <summary>Disposed, that is by the layer above.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>Requests that reached the device.</summary>
    public List<BlockRequest> Seen { get; } = [];

    public override BlockDeviceInfo Info => Claims(below.Info);

    /// <summary>Queues that are open.</summary>
    public int OpenQueues => _queues.Count;

    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null)
    {
        var queue = new FaultyQueue(this, below.OpenQueue(depth), depth, seed + _opened++);
        _queues.Add(queue);
        return queue;
    }

    /// <summary>Changes what <see cref="Info"/> says, and tells.</summary>
    public void ChangeInfo(Func<BlockDeviceInfo, BlockDeviceInfo> claims)
    {
        Claims = claims;
        OnInfoChanged();
    }

    internal void Close(FaultyQueue queue) => _queues.Remove(queue);

    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        below.Dispose();
    }
}
