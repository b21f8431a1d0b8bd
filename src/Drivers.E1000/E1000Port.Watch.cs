using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>Looking after the adapter: whether it is there, its link, whether it moves.</summary>
public sealed partial class E1000Port
{
    /// <summary>
    /// Looks at everything once. An adapter that held a frame or, while it lost frames, used no buffer since the last time is reset: what it was transmitting is dropped, and the
    /// buffers for received frames are given to it again.
    /// </summary>
    internal void Watch()
    {
        bool isChanged = false;
        lock (_control)
        {
            if (_isDisposed || State.Value == AdapterState.Gone)
            {
                return;
            }

            if (IsMissing())
            {
                BecomeGone();
                isChanged = true;
            }
            else
            {
                _counters.Read();
                isChanged = UpdateLink(out bool isUp, out bool isPaused);
                bool isStuck = IsTransmitStuck() && !isPaused;
                isStuck |= IsReceiveStuck();
                if (isStuck)
                {
                    isChanged |= Recover(isHang: isUp);
                }
            }
        }

        if (isChanged)
        {
            OnInfoChanged();
        }
    }

    /// <summary>Looks at the link alone.</summary>
    internal void CheckLink()
    {
        bool isChanged;
        lock (_control)
        {
            if (_isDisposed || State.Value == AdapterState.Gone)
            {
                return;
            }

            _interrupts.AcknowledgeLink();
            isChanged = IsMissing() ? BecomeGone() : UpdateLink(out _, out _);
        }

        if (isChanged)
        {
            OnInfoChanged();
        }
    }

    private void StartWatching()
    {
        if (_options.WatchInterval != Timeout.InfiniteTimeSpan)
        {
            _timer = TimeProvider.System.CreateTimer(static port => ((E1000Port)port!).Watch(), this, _options.WatchInterval, _options.WatchInterval);
        }
    }

    private bool IsMissing() => _function.IsGone || !Adapter.IsPresent;

    private bool UpdateLink(out bool isUp, out bool isPaused)
    {
        int speed = Adapter.ReadLink(out isPaused);
        isUp = speed != 0;
        State.Value = isUp ? AdapterState.Running : AdapterState.NoLink;
        return SetLink(speed);
    }

    // Without a link the transmitter stands still, and frames that it had before it lost the link would be held for as long.
    private bool IsTransmitStuck()
    {
        bool isStuck = false;
        foreach (E1000Queue? queue in _queues)
        {
            isStuck |= queue?.IsTransmitStuck() == true;
        }

        return isStuck;
    }

    private bool IsReceiveStuck()
    {
        bool isMissing = _counters.ReceiveMissed != _watchedMissed;
        bool isStuck = false;
        foreach (E1000Queue? queue in _queues)
        {
            isStuck |= queue?.IsReceiveIdle() == true && isMissing;
        }

        _watchedMissed = _counters.ReceiveMissed;
        return isStuck;
    }

    private bool Recover(bool isHang)
    {
        TakeQueues();
        _resets += isHang ? 1UL : 0;
        try
        {
            Adapter.Reset();
        }
        catch (E1000Exception)
        {
            return BecomeGone();
        }

        NetPortInfo old = _info;
        BringUp();
        _counters.Clear();
        return old != _info;
    }

    private bool BecomeGone()
    {
        TakeQueues();
        foreach (E1000Queue? queue in _queues)
        {
            queue?.DropAll();
        }

        Volatile.Write(ref _info, _info with { IsLinkUp = false, LinkSpeed = 0, IsGone = true });
        State.Value = AdapterState.Gone;
        foreach (E1000Queue? queue in _queues)
        {
            queue?.Events?.Ring();
        }

        return true;
    }

    /// <summary>A look at the link on a thread of the pool, asked for by a queue's thread that an interrupt for it woke; once at a time, nothing allocated.</summary>
    private sealed class LinkWork(E1000Port port) : IThreadPoolWorkItem
    {
        private int _isScheduled;

        public void Schedule()
        {
            if (Interlocked.Exchange(ref _isScheduled, 1) == 0)
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }
        }

        public void Execute()
        {
            Volatile.Write(ref _isScheduled, 0);
            port.CheckLink();
        }
    }
}
