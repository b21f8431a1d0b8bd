namespace Makatea.Platform.Sel4;

/// <summary>
/// What a component can make for itself on seL4: doorbells between its threads, and waiters, as many as it was given. What it shares with others was made with the system and is
/// handed out by the host of the channel to them (<see cref="For"/>).
/// </summary>
public sealed class Sel4Host : ComponentHost
{
    private readonly KernelGate _gate;
    private readonly ComponentTable _table;
    private readonly WaiterPool _waiters;

    internal Sel4Host(KernelGate gate, ComponentTable table, WaiterPool waiters)
    {
        _gate = gate;
        _table = table;
        _waiters = waiters;
    }

    /// <summary>None: memory that is shared is a region of the system file, and comes from <see cref="For"/>.</summary>
    /// <exception cref="IOException">Always.</exception>
    public override Grant CreateMemory(string name, ulong length) =>
        throw new IOException($"component '{_table.Name}' cannot make memory that it can share ('{name}'); what it shares is of channels of the system file");

    /// <inheritdoc/>
    public override Doorbell CreateDoorbell() => new Sel4Doorbell(_gate);

    /// <inheritdoc/>
    public override DoorbellWaiter CreateWaiter() => _waiters.Take();

    /// <summary>None: doorbells are shared over a channel, with <see cref="For"/>.</summary>
    /// <exception cref="IOException">Always.</exception>
    public override Grant ShareDoorbell(Doorbell doorbell, DoorbellEnd end) =>
        throw new IOException($"component '{_table.Name}' shares doorbells over channels of the system file alone");

    /// <summary>None: channels are those of the system file.</summary>
    /// <exception cref="IOException">Always.</exception>
    public override MessageChannel CreateChannel(out Grant peer) =>
        throw new IOException($"component '{_table.Name}' cannot make channels; it has those of the system file");

    /// <inheritdoc/>
    public override ComponentHost For(MessageChannel channel) => channel is RegionChannel ours ? new ChannelHost(this, ours.Peer) : this;
}
