using Makatea.Platform;
using Makatea.Virtio;

namespace Makatea.Vmm.Virtio;

/// <content>Its state, which has where each queue stopped: the device is suspended before it is saved, and goes on once it is restored.</content>
internal sealed partial class VirtioDeviceModel
{
    private const int LargestConfig = 4096;
    private const VirtioStatus GuestsStatus = VirtioStatus.Acknowledge | VirtioStatus.Driver | VirtioStatus.DriverOk | VirtioStatus.FeaturesOk | VirtioStatus.Failed;

    private bool _isSuspended;

    /// <summary>Has the queues no longer served, until <see cref="Resume"/>.</summary>
    /// <exception cref="VirtioFrontEndException">The device cannot say where it stopped; it serves on, or has failed.</exception>
    internal void Suspend()
    {
        lock (_lock)
        {
            if (!_isRunning || _isSuspended)
            {
                return;
            }

            IReadOnlyList<RingPosition?> positions = _device.Suspend();
            for (int i = 0; i < _queues.Length; i++)
            {
                _queues[i] = _queues[i] with { Position = positions[i] };
            }

            _isSuspended = true;
        }
    }

    /// <summary>Has the queues served from where they stopped. Both sides look at each queue: what one told the other before may not have arrived.</summary>
    /// <exception cref="VirtioFrontEndException">The device does not start; the guest sees that it needs a reset.</exception>
    internal void Resume()
    {
        lock (_lock)
        {
            if (!_isSuspended)
            {
                return;
            }

            _isSuspended = false;
            try
            {
                CheckQueues();
                _device.Start(_accepted, _queues, _interrupts);
            }
            catch (VirtioFrontEndException)
            {
                StopLocked();
                _interrupts.Fail();
                throw;
            }

            for (int i = 0; i < _queues.Length; i++)
            {
                if (_queues[i].IsEnabled)
                {
                    _device.Kick(i).Ring();
                    _interrupts.NotifyQueue(i);
                }
            }
        }
    }

    internal void Save(StateWriter writer)
    {
        lock (_lock)
        {
            writer.Write(_device.DeviceType);
            writer.Write((int)_status);
            writer.Write(_accepted);
            writer.Write(_isRunning);
            writer.Write(Volatile.Read(ref _needsReset));
            writer.Write(Generation);
            byte[] config = new byte[_device.ConfigLength];
            _device.ReadConfig(0, config);
            writer.Write(config);
            writer.Write(_queues.Length);
            foreach (VirtqueueLayout queue in _queues)
            {
                SaveQueue(writer, queue);
            }
        }
    }

    /// <summary>The device is suspended afterwards, where it ran.</summary>
    /// <exception cref="InvalidDataException">This is another device, or one that offers less.</exception>
    internal void Restore(StateReader reader)
    {
        lock (_lock)
        {
            uint type = reader.ReadUInt32();
            if (type != _device.DeviceType)
            {
                throw new InvalidDataException($"a virtio device of kind {type} was saved; the one in its place is of kind {_device.DeviceType}");
            }

            _status = (VirtioStatus)reader.Read((ulong)GuestsStatus) & GuestsStatus;
            _accepted = reader.Read();
            _isRunning = reader.ReadFlag();
            _isSuspended = _isRunning;
            Volatile.Write(ref _needsReset, (int)reader.Read(1));
            Volatile.Write(ref _generation, reader.ReadByte());
            bool isAgreed = (_status & VirtioStatus.FeaturesOk) != 0;
            if ((isAgreed && !IsAcceptable(_accepted)) || (_isRunning && (!isAgreed || (_status & VirtioStatus.DriverOk) == 0)))
            {
                throw new InvalidDataException($"a virtio device was saved with features 0x{_accepted:x} and status {_status}; this one offers 0x{_device.Features:x}");
            }

            RestoreConfig(reader.ReadBytes(LargestConfig).Span);
            ulong count = reader.Read();
            if (count != (ulong)_queues.Length)
            {
                throw new InvalidDataException($"a virtio device was saved with {count} queues; this one has {_queues.Length}");
            }

            for (int i = 0; i < _queues.Length; i++)
            {
                _queues[i] = RestoreQueue(reader);
            }
        }
    }

    /// <summary>What the driver may write is written again; what is the device's own has to be what it was, such as a disk's length.</summary>
    private void RestoreConfig(ReadOnlySpan<byte> saved)
    {
        byte[] config = new byte[_device.ConfigLength];
        _device.ReadConfig(0, config);
        for (int i = 0; i < Math.Min(saved.Length, config.Length); i++)
        {
            if (saved[i] != config[i])
            {
                _device.WriteConfig(i, saved.Slice(i, 1));
            }
        }

        _device.ReadConfig(0, config);
        int same = saved.CommonPrefixLength(config);
        if (saved.Length != config.Length || same != config.Length)
        {
            throw new InvalidDataException(
                $"a virtio device of kind {_device.DeviceType} has another configuration of {config.Length} bytes than the one that was saved, of {saved.Length}: they differ from byte {same} on (a disk's length is in bytes 0 to 7)");
        }
    }

    private static void SaveQueue(StateWriter writer, VirtqueueLayout queue)
    {
        writer.Write(queue.IsEnabled);
        writer.Write(queue.Size);
        writer.Write(queue.Descriptors);
        writer.Write(queue.Driver);
        writer.Write(queue.Device);
        RingPosition position = queue.Position ?? default;
        writer.Write(queue.Position is not null);
        writer.Write(position.Available);
        writer.Write(position.AvailableWrap);
        writer.Write(position.Used);
        writer.Write(position.UsedWrap);
    }

    private static VirtqueueLayout RestoreQueue(StateReader reader)
    {
        VirtqueueLayout queue = new(reader.ReadFlag(), reader.ReadUInt16(), reader.Read(), reader.Read(), reader.Read());
        bool isPositioned = reader.ReadFlag();
        RingPosition position = new(reader.ReadUInt16(), reader.ReadFlag(), reader.ReadUInt16(), reader.ReadFlag());
        return isPositioned ? queue with { Position = position } : queue;
    }
}
