using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>
/// Which causes raise which vector. With MSI-X each queue has a vector, and changes of the link ring queue 0's; otherwise everything rings the one that there is.
/// </summary>
internal sealed class Interrupts
{
    /// <summary>With MSI-X, the vector that changes of the link ring besides a queue's causes.</summary>
    public const int LinkVector = 0;

    private const uint Shared = Cause.ReceiveTimer | Cause.TransmitWrittenBack | Cause.LinkChanged;

    private readonly E1000Adapter _adapter;
    private readonly PciInterrupts? _vectors;

    private Interrupts(E1000Adapter adapter, PciInterrupts? vectors, int queues)
    {
        _adapter = adapter;
        _vectors = vectors;
        Queues = queues;
    }

    /// <summary>How many queues can be woken, or polled.</summary>
    public int Queues { get; }

    /// <summary>Each queue has its vector.</summary>
    public bool HasVectors => _vectors?.Kind == PciInterruptKind.MsiX;

    /// <summary>Takes vectors into use.</summary>
    /// <exception cref="IOException">The host refuses.</exception>
    public static Interrupts Enable(PciFunction function, E1000Adapter adapter, bool wanted)
    {
        int most = wanted ? Math.Min(function.MaxInterrupts, adapter.Chip.Queues) : 0;
        if (most == 0)
        {
            return new(adapter, null, adapter.Chip.Queues);
        }

        PciInterrupts vectors = function.EnableInterrupts(most);
        if (vectors.Kind != PciInterruptKind.MsiX && most > 1)
        {
            vectors = function.EnableInterrupts(1);
        }

        return new(adapter, vectors, vectors.Kind == PciInterruptKind.MsiX ? most : 1);
    }

    /// <summary>Tells a controller that was reset, and allows what is not armed by queues.</summary>
    public void Start()
    {
        RegisterSpace registers = _adapter.Registers;
        if (_vectors is null)
        {
            return;
        }

        if (!HasVectors)
        {
            registers.WriteUInt32(Register.InterruptThrottle, _adapter.Throttle);
            registers.WriteUInt32(Register.InterruptMaskSet, Shared);
            return;
        }

        uint map = (InterruptVectorFields.Valid | LinkVector) << InterruptVectorFields.OtherShift;
        uint causes = 0;
        for (int i = 0; i < Queues; i++)
        {
            uint entry = (InterruptVectorFields.Valid | (uint)i) << (i * InterruptVectorFields.QueueStride);
            map |= (entry << InterruptVectorFields.ReceiveQueueShift) | (entry << InterruptVectorFields.TransmitQueueShift);
            causes |= CausesOf(i);
            registers.WriteUInt32(Register82574.VectorThrottle + ((ulong)i * 4), _adapter.Throttle);
        }

        registers.WriteUInt32(Register82574.InterruptVectors, map);
        registers.WriteUInt32(Register82574.AutoClear, causes);
        registers.WriteUInt32(Register82574.AutoMask, causes);
        registers.WriteUInt32(Register.InterruptMaskSet, Cause.Other | Cause.LinkChanged);
    }

    /// <summary>Clears the cause of a change of the link, so that the next one rings again. Where the vector is shared, its queue did.</summary>
    public void AcknowledgeLink()
    {
        if (HasVectors)
        {
            _adapter.Registers.WriteUInt32(Register.InterruptCause, Cause.Other | Cause.LinkChanged);
        }
    }

    /// <summary>How a queue is woken.</summary>
    public QueueInterrupt ForQueue(int index, TimeSpan pollInterval, Action linkChanged) =>
        new(_adapter.Registers, _vectors, HasVectors ? index : 0, CausesOf(index), pollInterval, linkChanged);

    private static uint CausesOf(int queue) => (Cause.ReceiveQueue | Cause.TransmitQueue) << queue;
}
