using Makatea.Platform;

namespace Makatea.Tests.Net;

/// <summary>A port in memory, driven by the test's own thread: what it is given arrives, and what is sent is kept.</summary>
internal sealed class MemoryPort : NetPort
{
    private NetPortInfo _info;

    public MemoryPort(NetPortInfo? info = null)
    {
        _info = info ?? new() { Address = new(0x5254_0000_0001), IsLinkUp = true, MaxSegments = 64 };
        Queue = new(this);
    }

    public override NetPortInfo Info => Volatile.Read(ref _info);

    /// <summary>The one queue.</summary>
    public MemoryQueue Queue { get; }

    public NetFilter? Filter { get; private set; }

    /// <summary>Lengths of memory that the port was told of.</summary>
    public List<MappedMemory> Memories { get; } = [];

    public override NetQueue OpenQueue(int index, NetQueueOptions options)
    {
        Queue.Open(options);
        return Queue;
    }

    public override void AddMemory(MappedMemory memory) => Memories.Add(memory);

    public override void RemoveMemory(MappedMemory memory) => Memories.Remove(memory);

    public override void SetFilter(NetFilter filter) => Filter = filter;

    public override NetStatistics ReadStatistics() => default;

    public void Change(NetPortInfo info)
    {
        Volatile.Write(ref _info, info);
        OnInfoChanged();
    }

    protected override void Dispose(bool disposing)
    {
    }
}
