using Makatea.Platform;

namespace Makatea.Virtio.Tests;

/// <summary>A grant of whatever it was made of; everything else is refused, as a host refuses a wrong descriptor.</summary>
internal sealed class FakeGrant(object target) : Grant
{
    public object Target { get; } = target;

    public bool IsDisposed { get; private set; }

    public override MappedMemory Map(ulong offset, ulong length, MemoryAccess access) =>
        Alive(Target) is FakeMemory memory ? memory.Map(offset, length) : throw new GrantException("not memory");

    public override Doorbell OpenDoorbell()
    {
        FakeDoorbell doorbell = Alive(Target) as FakeDoorbell ?? throw new GrantException("not an eventfd");
        doorbell.IsOpened = true;
        return doorbell;
    }

    public override MessageChannel OpenChannel()
    {
        FakeChannel channel = Alive(Target) as FakeChannel ?? throw new GrantException("not a socket");
        channel.IsOpened = true;
        return channel;
    }

    protected override void Dispose(bool disposing) => IsDisposed = true;

    private object Alive(object target)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return target;
    }
}
