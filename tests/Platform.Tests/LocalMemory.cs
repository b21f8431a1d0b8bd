namespace Makatea.Platform.Tests;

/// <summary>A mapping of our own memory, without an operating system.</summary>
internal sealed class LocalMemory(int length) : MappedMemory
{
    private readonly NativeArray<byte> _bytes = new(length);

    internal bool WasDisposed { get; private set; }

    internal bool Lost { get; set; }

    public override nint Address => _bytes.AsSegment().Address;

    public override ulong Length => (ulong)_bytes.Length;

    public override bool IsLost => Lost;

    internal Span<byte> Bytes => _bytes.AsSpan();

    protected override void Dispose(bool disposing)
    {
        WasDisposed = true;
        _bytes.Dispose();
    }
}
