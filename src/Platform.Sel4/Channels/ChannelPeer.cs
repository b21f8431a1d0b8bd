using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>
/// What this component shares with the other end of one channel, and nobody else: a region for the messages, a doorbell each way, and what messages may name. Of a channel NAME these
/// are region NAME, doorbells NAME.request (rung by the end that connects) and NAME.reply, every other doorbell called NAME.*, and regions called NAME.memory* and NAME.inflight*, of which
/// the end that connects hands out the former, and the end that serves the latter.
/// </summary>
internal sealed class ChannelPeer
{
    private const string Request = ".request";
    private const string Reply = ".reply";
    private const string Memory = ".memory";
    private const string Inflight = ".inflight";

    private readonly Lock _lock = new();
    private readonly KernelGate _gate;
    private readonly ComponentTable _table;
    private readonly Dictionary<ulong, RegionUse> _regions = [];
    private readonly Dictionary<ulong, Sel4Doorbell> _doorbells = [];

    /// <summary>Finds it.</summary>
    /// <exception cref="GrantException">There is no such channel.</exception>
    internal ChannelPeer(string name, KernelGate gate, ComponentTable table, WaiterPool waiters)
    {
        _gate = gate;
        _table = table;
        Name = name;
        Waiters = waiters;
        Region = table.Find(GrantKind.Region, name);
        IsServer = table.TryFind(GrantKind.Hear, name + Request) is not null;
        Bell = table.Find(GrantKind.Hear, name + (IsServer ? Request : Reply));
        PeersBell = table.Find(GrantKind.Ring, name + (IsServer ? Reply : Request));
    }

    /// <summary>The channel's name.</summary>
    internal string Name { get; }

    /// <summary>This end serves.</summary>
    internal bool IsServer { get; }

    /// <summary>Where messages are.</summary>
    internal GrantEntry Region { get; }

    /// <summary>Rung by the other end.</summary>
    internal GrantEntry Bell { get; }

    /// <summary>Rung by us.</summary>
    internal GrantEntry PeersBell { get; }

    /// <summary>The session that this end connected last.</summary>
    internal RegionChannel? Current { get; set; }

    /// <summary>Gives waiters.</summary>
    internal WaiterPool Waiters { get; }

    /// <summary>The kernel.</summary>
    internal KernelGate Gate => _gate;

    private string MemoryName => Name + (IsServer ? Inflight : Memory);

    /// <summary>The grant of what a message names. What it is good for shows when it is used.</summary>
    internal Sel4Grant Resolve(ChannelObject named)
    {
        GrantEntry? entry = Shared().FirstOrDefault(g => KindOf(g) == named.Kind && g.Number == named.Number);
        return (entry, named.Kind) switch
        {
            ({ } region, ChannelObjectKind.Region) => new RegionGrant(region, null),
            ({ } doorbell, ChannelObjectKind.Doorbell) => new DoorbellGrant(_gate, doorbell),
            _ => new UnknownGrant(Name, named),
        };
    }

    /// <summary>Hands out a region that is in no use, zeroed.</summary>
    /// <exception cref="IOException">There is none that is long enough.</exception>
    internal Grant TakeMemory(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        lock (_lock)
        {
            GrantEntry[] all = [.. Shared().Where(g => g.Kind == GrantKind.Region && g.Name.StartsWith(MemoryName, StringComparison.Ordinal))];
            GrantEntry? free = all.Where(g => g.Length >= length && UseOf(g).IsFree).OrderBy(g => g.Length).FirstOrDefault();
            if (free is null)
            {
                throw new IOException($"{length} bytes that channel '{Name}' shares are in no use; it has regions {(all.Length == 0 ? "none" : string.Join(", ", all.Select(g => $"'{g.Name}' of {g.Length}")))}: give it more in the system file");
            }

            RegionGrant grant = new(free, UseOf(free));
            using MappedMemory memory = grant.Map(0, free.Length, MemoryAccess.ReadWrite);
            for (ulong offset = 0; offset < free.Length; offset += int.MaxValue)
            {
                memory.Slice(offset, (int)Math.Min(free.Length - offset, int.MaxValue)).AsSpan().Clear();
            }

            return grant;
        }
    }

    /// <summary>Gives a doorbell of ours an end at the peer.</summary>
    /// <param name="doorbell">The doorbell.</param>
    /// <param name="end">The peer's end.</param>
    /// <exception cref="IOException">All that the channel has are in use.</exception>
    internal Grant Share(Sel4Doorbell doorbell, DoorbellEnd end)
    {
        GrantKind kind = end == DoorbellEnd.Ring ? GrantKind.Hear : GrantKind.Ring;
        lock (_lock)
        {
            GrantEntry[] all = [.. Shared().Where(g => g.Kind == kind)];
            if (all.FirstOrDefault(g => _doorbells.GetValueOrDefault(g.Number) == doorbell) is { } known)
            {
                return new DoorbellGrant(_gate, known);
            }

            GrantEntry free = all.FirstOrDefault(g => !_doorbells.ContainsKey(g.Number))
                ?? throw new IOException($"all {all.Length} doorbells of channel '{Name}' that {(end == DoorbellEnd.Ring ? "the peer rings" : "the peer hears")} are in use; give it more queues in the system file");
            _doorbells.Add(free.Number, doorbell);
            try
            {
                doorbell.Bind(kind == GrantKind.Ring ? free.Slot : 0, kind == GrantKind.Hear ? new HeardObject(kind, free.Number) : null, () => Release(free.Number));
            }
            catch
            {
                _doorbells.Remove(free.Number);
                throw;
            }

            return new DoorbellGrant(_gate, free);
        }
    }

    private static ChannelObjectKind? KindOf(GrantEntry grant) => grant.Kind switch
    {
        GrantKind.Region => ChannelObjectKind.Region,
        GrantKind.Ring or GrantKind.Hear => ChannelObjectKind.Doorbell,
        _ => null,
    };

    private IEnumerable<GrantEntry> Shared() => _table.Grants.Where(g => KindOf(g) switch
    {
        ChannelObjectKind.Region => g.Name.StartsWith(Name + Memory, StringComparison.Ordinal) || g.Name.StartsWith(Name + Inflight, StringComparison.Ordinal),
        ChannelObjectKind.Doorbell => g.Name.StartsWith(Name + ".", StringComparison.Ordinal) && g.Name != Name + Request && g.Name != Name + Reply,
        _ => false,
    });

    private RegionUse UseOf(GrantEntry region)
    {
        if (!_regions.TryGetValue(region.Number, out RegionUse? use))
        {
            _regions.Add(region.Number, use = new RegionUse());
        }

        return use;
    }

    private void Release(ulong number)
    {
        lock (_lock)
        {
            _doorbells.Remove(number);
        }
    }
}
