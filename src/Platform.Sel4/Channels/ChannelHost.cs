namespace Makatea.Platform.Sel4;

/// <summary>The host of what is to be granted over one channel.</summary>
internal sealed class ChannelHost(Sel4Host host, ChannelPeer shared) : ComponentHost
{
    /// <inheritdoc/>
    public override Grant CreateMemory(string name, ulong length) => shared.TakeMemory(length);

    /// <inheritdoc/>
    public override Doorbell CreateDoorbell() => host.CreateDoorbell();

    /// <inheritdoc/>
    public override DoorbellWaiter CreateWaiter() => host.CreateWaiter();

    /// <inheritdoc/>
    public override Grant ShareDoorbell(Doorbell doorbell, DoorbellEnd end) => shared.Share(
        doorbell as Sel4Doorbell ?? throw new ArgumentException($"{doorbell.GetType()} is not a doorbell of this host", nameof(doorbell)), end);

    /// <inheritdoc/>
    public override MessageChannel CreateChannel(out Grant peer) => host.CreateChannel(out peer);

    /// <inheritdoc/>
    public override ComponentHost For(MessageChannel channel) => host.For(channel);
}
