using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>A host that has nothing, for devices that need nothing of one.</summary>
internal sealed class NoHost : ComponentHost
{
    public static readonly NoHost Instance = new();

    public override Grant CreateMemory(string name, ulong length) => throw new NotSupportedException();

    public override Doorbell CreateDoorbell() => throw new NotSupportedException();

    public override Grant ShareDoorbell(Doorbell doorbell, DoorbellEnd end) => throw new NotSupportedException();

    public override MessageChannel CreateChannel(out Grant peer) => throw new NotSupportedException();

    public override DoorbellWaiter CreateWaiter() => throw new NotSupportedException();
}
