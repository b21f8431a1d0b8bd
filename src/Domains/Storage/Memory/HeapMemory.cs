using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Zeroed memory of this component alone.</summary>
internal sealed class HeapMemory(int length) : MappedMemory
{
    private readonly NativeArray<byte> _bytes = new(length);

    public override nint Address => _bytes.AsSegment().Address;

    public override ulong Length => (ulong)_bytes.Length;

    public override bool IsLost => false;

    protected override void Dispose(bool disposing) => _bytes.Dispose();
}
