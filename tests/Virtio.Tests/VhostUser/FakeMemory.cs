using Makatea.Platform;

namespace Makatea.Virtio.Tests;

/// <summary>Memory that a peer shares; grants of it map pieces of one array. Counts what is mapped and not unmapped.</summary>
internal sealed class FakeMemory(int length) : IDisposable
{
    private readonly NativeArray<byte> _bytes = new(length);
    private int _mapped;

    /// <summary>The peer truncated the file.</summary>
    public bool IsLost { get; set; }

    /// <summary>Mappings that live.</summary>
    public int Mapped => Volatile.Read(ref _mapped);

    public Span<byte> Bytes => _bytes.AsSpan();

    public MappedMemory Map(ulong offset, ulong length) =>
        offset > (ulong)_bytes.Length || length > (ulong)_bytes.Length - offset
            ? throw new GrantException($"{length} bytes at {offset} of a file of {_bytes.Length}")
            : new Mapping(this, _bytes.AsSegment((int)offset, (int)length));

    public void Dispose() => _bytes.Dispose();

    private sealed class Mapping : MappedMemory
    {
        private readonly FakeMemory _owner;
        private readonly MemorySegment _segment;
        private bool _disposed;

        public Mapping(FakeMemory owner, MemorySegment segment)
        {
            _owner = owner;
            _segment = segment;
            Interlocked.Increment(ref owner._mapped);
        }

        public override nint Address => _disposed ? throw new ObjectDisposedException(nameof(Mapping)) : _segment.Address;

        public override ulong Length => (ulong)_segment.Length;

        public override bool IsLost => _owner.IsLost;

        protected override void Dispose(bool disposing)
        {
            if (!_disposed)
            {
                _disposed = true;
                Interlocked.Decrement(ref _owner._mapped);
            }
        }
    }
}
