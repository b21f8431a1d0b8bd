using Makatea.Platform;

namespace Makatea.Virtio.Tests;

internal sealed class FakeHost : ComponentHost
{
    /// <summary>What was made last.</summary>
    public FakeMemory? Memory { get; private set; }

    public override Grant CreateMemory(string name, ulong length)
    {
        Memory = new FakeMemory((int)length);
        return new FakeGrant(Memory);
    }

    public override Doorbell CreateDoorbell() => new FakeDoorbell();

    public override DoorbellWaiter CreateWaiter() => throw new NotSupportedException();

    public override Grant ShareDoorbell(Doorbell doorbell, DoorbellEnd end) => new FakeGrant(doorbell);

    public override MessageChannel CreateChannel(out Grant peer)
    {
        (FakeChannel ours, FakeChannel theirs) = FakeChannel.CreatePair();
        peer = new FakeGrant(theirs);
        return ours;
    }
}
