using Makatea.Platform;

namespace Makatea.Sel4.Programs;

/// <summary>Memory of this component alone.</summary>
internal sealed class OwnMemory(int length) : MappedMemory
{
    private readonly NativeArray<byte> _bytes = new(length);

    /// <inheritdoc/>
    public override nint Address => _bytes.AsSegment().Address;

    /// <inheritdoc/>
    public override ulong Length => (ulong)length;

    /// <inheritdoc/>
    public override bool IsLost => false;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _bytes.Dispose();
}
