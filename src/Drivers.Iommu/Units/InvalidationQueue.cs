using System.Diagnostics;
using Makatea.Drivers.Iommu.Registers;
using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Units;

/// <summary>
/// The queue by which a unit is told what to forget ([VT-d-4.1] 6.5.2). Each batch ends with a wait descriptor, and the caller waits for it: at the return, no device
/// uses what was invalidated. The unit reads the queue coherently, whatever ECAP.C says of tables.
/// </summary>
internal sealed class InvalidationQueue
{
    /// <summary>Descriptors that may be submitted at once.</summary>
    internal const int MaxBatch = 64;

    private const int QueueLength = 4096;
    private const int StatusOffset = QueueLength;
    private const int Descriptors = QueueLength / InvalidationDescriptor.Length;
    private const uint Errors = VtdRegisters.Fault.QueueError | VtdRegisters.Fault.CompletionError | VtdRegisters.Fault.CompletionTimeout;

    private readonly RegisterSpace _registers;
    private readonly string _unit;
    private readonly TimeSpan _timeout;
    private readonly DmaMemory _memory;
    private readonly SharedMemory _words;
    private int _tail;
    private uint _ticket;
    private string? _failure;

    internal InvalidationQueue(RegisterSpace registers, DmaSpace physical, string unit, TimeSpan timeout)
    {
        _registers = registers;
        _unit = unit;
        _timeout = timeout;
        _memory = physical.Allocate(QueueLength + sizeof(ulong));
        _words = _memory.View(0, QueueLength + sizeof(ulong));
    }

    /// <summary>Tells the unit where the queue is. It is off when called, and the caller switches it on.</summary>
    internal void Place()
    {
        _registers.WriteUInt64(VtdRegisters.InvalidationQueueTail, 0);
        _registers.WriteUInt64(VtdRegisters.InvalidationQueueAddress, _memory.Iova); // 128-bit descriptors, one page of them.
    }

    /// <summary>Has the unit do <paramref name="batch"/>, and waits.</summary>
    /// <param name="batch">At most <see cref="MaxBatch"/>.</param>
    /// <exception cref="IommuException">The unit reports an error or does not finish in time; it is not used any more.</exception>
    internal void Run(params ReadOnlySpan<InvalidationDescriptor> batch)
    {
        ThrowIfFailed();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(batch.Length, MaxBatch);
        foreach (InvalidationDescriptor descriptor in batch)
        {
            Put(descriptor);
        }

        // The status word has the last ticket or, after a failure, anything; 0 is what it starts with.
        _ticket = _ticket == uint.MaxValue ? 1 : _ticket + 1;
        Put(InvalidationDescriptor.Wait(_memory.Iova + StatusOffset, _ticket));
        _registers.WriteUInt64(VtdRegisters.InvalidationQueueTail, (ulong)(_tail * InvalidationDescriptor.Length));
        Await();
    }

    /// <summary>Refuses to go on with a unit that failed before.</summary>
    /// <exception cref="IommuException">It did.</exception>
    internal void ThrowIfFailed()
    {
        if (_failure is not null)
        {
            throw new IommuException(_failure);
        }
    }

    private void Put(InvalidationDescriptor descriptor)
    {
        nuint offset = (nuint)(_tail * InvalidationDescriptor.Length);
        _words.ReleaseUInt64(offset, descriptor.Low);
        _words.ReleaseUInt64(offset + sizeof(ulong), descriptor.High);
        _tail = (_tail + 1) % Descriptors;
    }

    private void Await()
    {
        long started = Stopwatch.GetTimestamp();
        SpinWait spin = default;
        while (_words.AcquireUInt32(StatusOffset) != _ticket)
        {
            uint errors = spin.NextSpinWillYield ? _registers.ReadUInt32(VtdRegisters.FaultStatus) & Errors : 0;
            if (errors != 0)
            {
                throw Fail($"reports an invalidation error (fault status 0x{errors:x}) at descriptor 0x{_registers.ReadUInt64(VtdRegisters.InvalidationQueueHead):x}");
            }

            if (Stopwatch.GetElapsedTime(started) > _timeout)
            {
                throw Fail($"did not finish an invalidation within {_timeout.TotalMilliseconds} ms (head 0x{_registers.ReadUInt64(VtdRegisters.InvalidationQueueHead):x}, tail 0x{_tail * InvalidationDescriptor.Length:x})");
            }

            spin.SpinOnce();
        }
    }

    private IommuException Fail(string what)
    {
        _failure = $"the {_unit} {what}. It may go on using translations that were taken back: it is not used any more, and memory that it may know is not used again";
        return new IommuException(_failure);
    }
}
