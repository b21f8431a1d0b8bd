using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>
/// Memory of this process alone that stands in for a mapping, with a canary of one page on either side: a device that writes outside is
/// found out by <see cref="CheckCanaries"/>.
/// </summary>
internal sealed class LocalMemory : MappedMemory
{
    private const int CanaryLength = 4096;
    private const byte Canary = 0xc5;
    private readonly NativeArray<byte> _bytes;
    private readonly int _length;

    public LocalMemory(ulong length)
    {
        _length = checked((int)length);
        _bytes = new NativeArray<byte>(checked(_length + (2 * CanaryLength)));
        _bytes.AsSpan(0, CanaryLength).Fill(Canary);
        _bytes.AsSpan(CanaryLength + _length, CanaryLength).Fill(Canary);
    }

    public override nint Address => _bytes.AsSegment(CanaryLength, _length).Address;

    public override ulong Length => (ulong)_length;

    public override bool IsLost => false;

    /// <exception cref="InvalidOperationException">Somebody wrote outside the memory.</exception>
    public void CheckCanaries()
    {
        int before = _bytes.AsSpan(0, CanaryLength).LastIndexOfAnyExcept(Canary);
        int after = _bytes.AsSpan(CanaryLength + _length, CanaryLength).IndexOfAnyExcept(Canary);
        if (before >= 0 || after >= 0)
        {
            throw new InvalidOperationException(before >= 0
                ? $"memory was written {CanaryLength - before} bytes before its start"
                : $"memory was written {after} bytes behind its end");
        }
    }

    protected override void Dispose(bool disposing) => _bytes.Dispose();
}
