using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Interrupts;

/// <summary>A message of the remappable format, which only its function may send ([VT-d-4.1] 5.1.2.2).</summary>
/// <param name="host">The host.</param>
/// <param name="unit">The unit that remaps it.</param>
/// <param name="index">Entry of the unit's table.</param>
/// <param name="inner">The message that the entry stands for; goes with this one.</param>
internal sealed class RemappedMessage(IommuHost host, Units.VtdUnit unit, ushort index, InterruptMessage inner) : InterruptMessage
{
    private bool _disposed;

    /// <summary>Index bits 14:0 in 19:5, remappable format (bit 4), index bit 15 in 2.</summary>
    public override ulong Address => InterruptTarget.First | ((ulong)(index & 0x7fff) << 5) | (1 << 4) | ((uint)index >> 15 << 2);

    /// <summary>Sub-handle 0.</summary>
    public override uint Data => 0;

    /// <inheritdoc/>
    public override Doorbell Doorbell => inner.Doorbell;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!_disposed)
        {
            _disposed = true;
            host.Release(unit, index);
            inner.Dispose();
        }
    }
}
