using Makatea.Platform;

namespace Makatea.Virtio.Tests.Block;

/// <summary>A dirty log in memory of this process.</summary>
internal sealed class HeapLog : IDisposable
{
    private readonly NativeArray<byte> _bits;

    public HeapLog(int bytes)
    {
        _bits = new NativeArray<byte>(bytes);
        Log = new DirtyLog(new Mapping(_bits), 0, (ulong)bytes);
    }

    public DirtyLog Log { get; }

    public bool IsMarked(ulong page) => (_bits[(int)(page / 8)] & (1 << (int)(page % 8))) != 0;

    public void Clear() => _bits.AsSpan().Clear();

    public void Dispose() => Log.Dispose();

    private sealed class Mapping(NativeArray<byte> bytes) : MappedMemory
    {
        public override nint Address => bytes.AsSegment().Address;

        public override ulong Length => (ulong)bytes.Length;

        public override bool IsLost => false;

        protected override void Dispose(bool disposing) => bytes.Dispose();
    }
}
