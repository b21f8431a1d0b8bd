namespace Makatea.Platform.Sel4;

/// <summary>
/// A right on seL4: an object that components were given from the start. A message that carries it says its kind and number, which both ends know; nothing is handed over
/// but the word that it is to be used.
/// </summary>
internal abstract class Sel4Grant : Grant
{
    /// <summary>What it is in a message.</summary>
    internal abstract ChannelObject Object { get; }

    /// <inheritdoc/>
    public override MappedMemory Map(ulong offset, ulong length, MemoryAccess access) => throw new GrantException($"{this} was to be mapped as memory");

    /// <inheritdoc/>
    public override Doorbell OpenDoorbell() => throw new GrantException($"{this} was to be used as a doorbell");

    /// <inheritdoc/>
    public override MessageChannel OpenChannel() => throw new GrantException($"{this} was to be used as a channel");

    /// <summary>Nothing is held by most grants.</summary>
    protected override void Dispose(bool disposing)
    {
    }
}

/// <summary>What a message names.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Number">Its number in the manifest, among those of its kind.</param>
internal readonly record struct ChannelObject(ChannelObjectKind Kind, ulong Number);

/// <summary>Kinds of what messages name.</summary>
internal enum ChannelObjectKind : ulong
{
    /// <summary>Memory.</summary>
    Region = 1,

    /// <summary>A doorbell, of which either end knows whether it rings or hears.</summary>
    Doorbell,
}

/// <summary>A shared region.</summary>
/// <param name="region">The region.</param>
/// <param name="use">Kept from being handed out again for as long as this or memory mapped of it is there; null where nobody hands it out.</param>
internal sealed class RegionGrant(GrantEntry region, RegionUse? use) : Sel4Grant
{
    private RegionUse? _use = use?.Begin();

    /// <inheritdoc/>
    internal override ChannelObject Object => new(ChannelObjectKind.Region, region.Number);

    /// <inheritdoc/>
    public override MappedMemory Map(ulong offset, ulong length, MemoryAccess access)
    {
        RegionUse? use = _use?.Begin();
        try
        {
            return RegionMemory.Map(region, offset, length, access, use is null ? null : use.End);
        }
        catch
        {
            use?.End();
            throw;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"region '{region.Name}'";

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => Interlocked.Exchange(ref _use, null)?.End();
}

/// <summary>How many use a region that is handed out.</summary>
internal sealed class RegionUse
{
    private int _users;

    /// <summary>Nobody does.</summary>
    internal bool IsFree => Volatile.Read(ref _users) == 0;

    /// <summary>One more.</summary>
    internal RegionUse Begin()
    {
        Interlocked.Increment(ref _users);
        return this;
    }

    /// <summary>One less.</summary>
    internal void End() => Interlocked.Decrement(ref _users);
}

/// <summary>A doorbell that both ends of a channel have.</summary>
/// <param name="gate">The kernel.</param>
/// <param name="doorbell">The end that this component has.</param>
internal sealed class DoorbellGrant(KernelGate gate, GrantEntry doorbell) : Sel4Grant
{
    /// <inheritdoc/>
    internal override ChannelObject Object => new(ChannelObjectKind.Doorbell, doorbell.Number);

    /// <inheritdoc/>
    public override Doorbell OpenDoorbell() => doorbell.Kind == Makatea.Sel4.GrantKind.Ring
        ? Sel4Doorbell.Rung(gate, doorbell.Slot)
        : Sel4Doorbell.Heard(gate, doorbell.Kind, doorbell.Number);

    /// <inheritdoc/>
    public override string ToString() => $"doorbell '{doorbell.Name}'";
}

/// <summary>What a peer named and this component does not have.</summary>
internal sealed class UnknownGrant(string channel, ChannelObject named) : Sel4Grant
{
    /// <inheritdoc/>
    internal override ChannelObject Object => named;

    /// <inheritdoc/>
    public override string ToString() => $"{named.Kind} {named.Number}, which channel '{channel}' does not have,";
}

/// <summary>A channel to whoever serves it.</summary>
internal sealed class ChannelGrant(ChannelPeer peer) : Sel4Grant
{
    /// <inheritdoc/>
    internal override ChannelObject Object => new(ChannelObjectKind.Region, peer.Region.Number);

    /// <summary>Connects, and waits until it is served.</summary>
    /// <exception cref="IOException">Nobody serves it.</exception>
    public override MessageChannel OpenChannel() => RegionChannel.Connect(peer);

    /// <inheritdoc/>
    public override string ToString() => $"channel '{peer.Name}'";
}
