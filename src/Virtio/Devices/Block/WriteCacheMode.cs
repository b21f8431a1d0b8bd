using Makatea.Platform;

namespace Makatea.Virtio.Block;

/// <summary>
/// Whether a device's write cache is on, as its driver chose ([VIRTIO-1.3] 5.2.6). The driver says it once and relies on it: QEMU shows it to the guest from a copy of its
/// own and repeats it neither after a reset nor to the next back-end. So nothing but the driver changes it, which the standard allows
/// ("the cache mode after reset can be either"); and where there is memory that outlives the component, it is kept there.
/// <code>
///  0  u8  0 nobody chose yet   1 off (writethrough)   2 on (writeback)
/// </code>
/// </summary>
internal sealed class WriteCacheMode : IDisposable
{
    /// <summary>How much of the memory is used, in bytes.</summary>
    public const int Length = 1;

    private const byte Off = 1;
    private const byte On = 2;
    private readonly MappedMemory? _memory;
    private volatile bool _isOn;

    /// <summary>Goes on from what <paramref name="memory"/> holds.</summary>
    /// <param name="initial">The mode where nobody chose.</param>
    /// <param name="memory">Memory that outlives the component, zeroed when it was new; taken over. Null where there is none.</param>
    public WriteCacheMode(bool initial, MappedMemory? memory)
    {
        _memory = memory;
        _isOn = memory?.Slice(0, Length).AsSpan()[0] switch
        {
            null or 0 => initial,
            On => true,
            _ => false, // whatever it is, writes that are durable too early do no harm
        };
    }

    /// <summary>The mode. Setting it returns after it is kept.</summary>
    public bool IsOn
    {
        get => _isOn;
        set
        {
            _memory?.Slice(0, Length).AsSpan()[0] = value ? On : Off;
            _isOn = value;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory?.Dispose();
}
