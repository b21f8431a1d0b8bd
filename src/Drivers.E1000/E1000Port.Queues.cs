using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>Opening and closing queues. The controller stands still meanwhile, some 10 ms: it may write to a ring that it was told of until it is known to have stopped.</summary>
public sealed partial class E1000Port
{
    /// <inheritdoc/>
    public override NetQueue OpenQueue(int index, NetQueueOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        lock (_control)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if ((uint)index >= (uint)_queues.Length || _queues[index] is not null)
            {
                throw new ArgumentOutOfRangeException(nameof(index), $"queue {index}; there are {_queues.Length}, and each is opened once at a time");
            }

            ReceiveBufferSize size = ReceiveBufferSize.Choose(options.ReceiveBufferLength);
            if (Array.Find(_queues, q => q is not null && ReceiveBufferSize.Choose(q.BufferLength) != size) is { } other)
            {
                throw new ArgumentException($"receive buffers of {options.ReceiveBufferLength} bytes; the controller has one size for all queues, and queue {other.Index} has {other.BufferLength}", nameof(options));
            }

            if (State.Value == AdapterState.Gone)
            {
                throw new E1000Exception($"the {Adapter.Chip.Name} at {_function.Address} is gone");
            }

            E1000Queue queue = Adapter.Chip.CreateQueue(this, index, options);
            TakeQueues();
            Adapter.Quiesce();
            _queues[index] = queue;
            queue.Start();
            Resume();
            return queue;
        }
    }

    internal QueueInterrupt CreateInterrupt(int index) => _interrupts.ForQueue(index, _options.PollInterval, _linkWork.Schedule);

    internal void Close(E1000Queue queue)
    {
        lock (_control)
        {
            if (_queues[queue.Index] == queue)
            {
                CloseLocked(queue);
            }
        }
    }

    private void CloseLocked(E1000Queue queue)
    {
        bool isGone = State.Value == AdapterState.Gone;
        TakeQueues();
        if (!isGone)
        {
            Adapter.Quiesce();
            queue.Stop();
        }

        queue.DropAll();
        _closed += queue.ReadStatistics();
        _queues[queue.Index] = null;
        queue.Free();
        if (isGone)
        {
            State.Value = AdapterState.Gone;
        }
        else
        {
            Resume();
        }
    }

    /// <summary>Has the queues for this thread, until the state is set to something else.</summary>
    private void TakeQueues()
    {
        State.Value = AdapterState.Resetting;

        // Pairs with the order of the two accesses in QueueGate.Enter, which stands there without a fence of its own.
        Interlocked.MemoryBarrierProcessWide();
        foreach (E1000Queue? queue in _queues)
        {
            queue?.Gate.WaitUntilOutside();
        }
    }

    /// <summary>Sets up a controller that was reset, with the queues that are open, and lets it run. The queues are taken, or there are none.</summary>
    private void BringUp()
    {
        Adapter.Configure();
        _filters.Write(Adapter.Registers);
        foreach (E1000Queue? queue in _queues)
        {
            queue?.Start();
        }

        Resume();
    }

    /// <summary>Lets a controller run that stands still, and the queues with it.</summary>
    private void Resume()
    {
        if (Adapter.Chip.Is82574)
        {
            bool isOpen1 = _queues.Length > 1 && _queues[1] is not null;
            Queues82574.Spread(Adapter.Registers, _queues[0] is not null, isOpen1);
        }

        Adapter.StartTransmit();
        StartReceive();
        _interrupts.Start();
        foreach (E1000Queue? queue in _queues)
        {
            queue?.Publish();
        }

        int speed = Adapter.ReadLink(out _);
        SetLink(speed);
        State.Value = speed != 0 ? AdapterState.Running : AdapterState.NoLink;

        // Their vectors were masked, and there may be tags to give back.
        foreach (E1000Queue? queue in _queues)
        {
            queue?.Events?.Ring();
        }
    }

    private void StartReceive()
    {
        if (Array.Find(_queues, q => q is not null) is { } any)
        {
            Adapter.StartReceive(any.BufferLength, _filters.ControlBits);
        }
    }

    private bool SetLink(int speed)
    {
        NetPortInfo old = _info;
        Volatile.Write(ref _info, old with { IsLinkUp = speed != 0, LinkSpeed = speed });
        return old != _info;
    }
}
