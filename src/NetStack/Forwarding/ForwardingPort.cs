using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>A port that is attached to a plane.</summary>
public sealed class ForwardingPort
{
    private PortCounters _counters;
    private bool _isStale;

    internal ForwardingPort(int index, NetPort port, string name)
    {
        Index = index;
        NetPort = port;
        Name = name;
        Refresh();
    }

    /// <summary>Its number in the plane.</summary>
    public int Index { get; }

    /// <summary>Its name, for people.</summary>
    public string Name { get; }

    /// <summary>What it is and does, as of when the thread last looked.</summary>
    public NetPortInfo Info { get; private set; } = null!;

    /// <summary>What was counted.</summary>
    public ref PortCounters Counters => ref _counters;

    internal NetPort NetPort { get; }

    internal ForwardingQueue[] Queues { get; set; } = [];

    /// <summary>Buffers that are kept for it.</summary>
    internal int Reserved { get; set; }

    /// <summary>Work that the port does not do, which has to be done before frames get there.</summary>
    internal NetFrameFlags Lacks { get; private set; }

    /// <summary>Set by whoever saw that <see cref="NetPort.Info"/> changed, on any thread.</summary>
    internal bool IsStale
    {
        get => Volatile.Read(ref _isStale);
        set => Volatile.Write(ref _isStale, value);
    }

    /// <summary>Looks at the port's information again.</summary>
    internal void Refresh()
    {
        IsStale = false;
        Info = NetPort.Info;
        Lacks = PortOffloads.Lacking(Info.Transmit);
    }
}
