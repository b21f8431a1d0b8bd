using Makatea.Platform;

namespace Makatea.Tests.E1000;

/// <summary>Memory of the test's own, as a user of a port maps it.</summary>
internal sealed class LocalMemory(int length) : MappedMemory
{
    private readonly NativeArray<byte> _bytes = new(length);

    public override nint Address => _bytes.AsSegment().Address;

    public override ulong Length => (ulong)_bytes.Length;

    public override bool IsLost => false;

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _bytes.Dispose();
        }
    }
}
