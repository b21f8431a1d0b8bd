using Makatea.Platform;

namespace Makatea.Virtio.Tests;

/// <summary>Counts rings; ringing it after its end is the error that a closed descriptor would be.</summary>
internal sealed class FakeDoorbell : Doorbell
{
    private int _rings;

    public int Rings => Volatile.Read(ref _rings);

    /// <summary>A grant was made a doorbell.</summary>
    public bool IsOpened { get; set; }

    public bool IsDisposed { get; private set; }

    public override void Ring()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        Interlocked.Increment(ref _rings);
    }

    protected override void Dispose(bool disposing) => IsDisposed = true;
}
