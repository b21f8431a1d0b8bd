using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>A doorbell that only counts.</summary>
internal sealed class CountingDoorbell : Doorbell
{
    public int Rings { get; private set; }

    public override void Ring() => Rings++;

    protected override void Dispose(bool disposing)
    {
    }
}
