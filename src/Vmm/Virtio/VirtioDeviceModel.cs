using Makatea.Virtio;

namespace Makatea.Vmm.Virtio;

/// <summary>
/// What all transports have in common: status, negotiation, queues, configuration ([VIRTIO-1.3] 2, 3.1). A transport maps registers to it. One lock; notifications don't come by here.
/// </summary>
internal sealed partial class VirtioDeviceModel
{
    private readonly VirtioFrontEnd _device;
    private readonly IVirtioInterrupts _interrupts;
    private readonly Action<string> _report;
    private readonly Lock _lock = new();
    private readonly VirtqueueLayout[] _queues;
    private VirtioStatus _status;
    private ulong _accepted;
    private bool _isRunning;
    private int _needsReset;
    private int _generation;

    /// <summary>Makes the model of a device.</summary>
    /// <param name="device">The device.</param>
    /// <param name="interrupts">The transport's side of interrupts.</param>
    /// <param name="report">Told why a device fails.</param>
    internal VirtioDeviceModel(VirtioFrontEnd device, Func<VirtioDeviceModel, IVirtioInterrupts> interrupts, Action<string> report)
    {
        _device = device;
        _report = report;
        _interrupts = interrupts(this);
        _queues = new VirtqueueLayout[device.QueueSizes.Count];
        ClearQueues();
    }

    internal VirtioFrontEnd Device => _device;

    internal int QueueCount => _queues.Length;

    internal byte Generation => (byte)Volatile.Read(ref _generation);

    internal byte Status
    {
        get
        {
            lock (_lock)
            {
                return (byte)(_status | (Volatile.Read(ref _needsReset) != 0 ? VirtioStatus.NeedsReset : VirtioStatus.None));
            }
        }
    }

    /// <summary>32 bits of what is offered.</summary>
    internal uint Offered(uint select) => Word(_device.Features, select);

    /// <summary>32 bits of what the driver accepted.</summary>
    internal uint Accepted(uint select)
    {
        lock (_lock)
        {
            return Word(_accepted, select);
        }
    }

    /// <summary>Sets 32 bits of what the driver accepts; nothing once that was agreed on.</summary>
    internal void Accept(uint select, uint features)
    {
        lock (_lock)
        {
            if (select <= 1 && (_status & VirtioStatus.FeaturesOk) == 0)
            {
                int shift = (int)select * 32;
                _accepted = (_accepted & ~((ulong)uint.MaxValue << shift)) | (ulong)features << shift;
            }
        }
    }

    /// <summary>A queue as it is set up; nothing of one that is not there.</summary>
    internal VirtqueueLayout Queue(uint index)
    {
        lock (_lock)
        {
            return index < _queues.Length ? _queues[index] : default;
        }
    }

    internal ushort LargestSize(uint index) => index < _queues.Length ? _device.QueueSizes[(int)index] : (ushort)0;

    /// <summary>Sets a queue up that is not enabled yet ([VIRTIO-1.3] 4.1.5.1.3, 4.2.3.2).</summary>
    internal void SetQueue(uint index, Func<VirtqueueLayout, VirtqueueLayout> change)
    {
        lock (_lock)
        {
            if (index < _queues.Length && !_queues[index].IsEnabled && !_isRunning)
            {
                _queues[index] = change(_queues[index]);
            }
        }
    }

    /// <summary>Undoes the enabling of a queue, while nothing runs.</summary>
    internal void DisableQueue(uint index)
    {
        lock (_lock)
        {
            if (index < _queues.Length && !_isRunning)
            {
                _queues[index] = _queues[index] with { IsEnabled = false };
            }
        }
    }

    /// <summary>The driver writes the status: 0 resets, bits come one after the other, and are taken away by nothing else.</summary>
    internal void WriteStatus(byte value)
    {
        lock (_lock)
        {
            if (value == 0)
            {
                ResetLocked();
                return;
            }

            VirtioStatus added = (VirtioStatus)value & ~_status & ~VirtioStatus.NeedsReset; // which is the device's to set
            if ((added & VirtioStatus.FeaturesOk) != 0 && !IsAcceptable(_accepted))
            {
                added &= ~VirtioStatus.FeaturesOk;
            }

            if (((_status | added) & VirtioStatus.FeaturesOk) == 0)
            {
                added &= ~VirtioStatus.DriverOk;
            }

            _status |= added;
            if ((added & VirtioStatus.Failed) != 0)
            {
                StopLocked();
            }
            else if ((added & VirtioStatus.DriverOk) != 0)
            {
                StartLocked();
            }
        }
    }

    /// <summary>As after power on.</summary>
    internal void Reset()
    {
        lock (_lock)
        {
            ResetLocked();
        }
    }

    /// <summary>Sets DEVICE_NEEDS_RESET. Takes no lock, since whoever stops the device holds it and waits for those who call this.</summary>
    /// <returns>It was not set before.</returns>
    internal bool Fail() => Interlocked.Exchange(ref _needsReset, 1) == 0;

    /// <summary>The configuration is another one from now on.</summary>
    internal void NextGeneration() => Interlocked.Increment(ref _generation);

    /// <summary>Reads up to 8 bytes of configuration; 0 beyond its end.</summary>
    internal ulong ReadConfig(ulong offset, int width)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        lock (_lock)
        {
            if (offset < (ulong)_device.ConfigLength)
            {
                _device.ReadConfig((int)offset, bytes[..Math.Min(width, _device.ConfigLength - (int)offset)]);
            }
        }

        return BitConverter.ToUInt64(bytes);
    }

    /// <summary>Writes up to 8 bytes of configuration, if all of them are inside.</summary>
    internal void WriteConfig(ulong offset, int width, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BitConverter.TryWriteBytes(bytes, value);
        lock (_lock)
        {
            if (offset < (ulong)_device.ConfigLength && (ulong)width <= (ulong)_device.ConfigLength - offset)
            {
                _device.WriteConfig((int)offset, bytes[..width]);
            }
        }
    }

    private static uint Word(ulong features, uint select) => select <= 1 ? (uint)(features >> ((int)select * 32)) : 0;

    private bool IsAcceptable(ulong features) => (features & ~_device.Features) == 0 && (features & VirtioFeatures.Version1) != 0;

    private void StartLocked()
    {
        try
        {
            CheckQueues();
            _isRunning = true;
            _device.Start(_accepted, _queues, _interrupts);
        }
        catch (VirtioFrontEndException e)
        {
            StopLocked();
            _report(e.Message);
            _interrupts.Fail();
        }
    }

    private void CheckQueues()
    {
        bool isPacked = (_accepted & VirtioFeatures.PackedRing) != 0;
        for (int i = 0; i < _queues.Length; i++)
        {
            ushort size = _queues[i].Size;
            if (_queues[i].IsEnabled && (size == 0 || size > _device.QueueSizes[i] || (!isPacked && !ushort.IsPow2(size))))
            {
                throw new VirtioFrontEndException($"queue {i} has {size} descriptors; 1 to {_device.QueueSizes[i]} are possible, powers of two in a split ring");
            }
        }
    }

    private void StopLocked()
    {
        if (_isRunning)
        {
            _isRunning = false;
            _isSuspended = false;
            try
            {
                _device.Stop();
            }
            catch (VirtioFrontEndException e)
            {
                _report(e.Message);
            }
        }
    }

    private void ResetLocked()
    {
        StopLocked();
        _status = VirtioStatus.None;
        Volatile.Write(ref _needsReset, 0);
        _accepted = 0;
        ClearQueues();
    }

    private void ClearQueues()
    {
        for (int i = 0; i < _queues.Length; i++)
        {
            _queues[i] = new(false, _device.QueueSizes[i], 0, 0, 0);
        }
    }
}
