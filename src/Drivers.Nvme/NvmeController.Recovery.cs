namespace Makatea.Drivers.Nvme;

/// <content>Reset, and what becomes of the queues over it.</content>
public sealed partial class NvmeController
{
    private long _lastReset;
    private long _completedAtReset;
    private int _resetsWithoutProgress;
    private bool? _writeCache;

    /// <summary>Resets the controller; what is outstanding is done again afterwards.</summary>
    /// <exception cref="NvmeException">It did not come back and was given up.</exception>
    public void Reset()
    {
        lock (_control)
        {
            ThrowIfUnusable();
            _resetsWithoutProgress = 0; // Nothing went wrong before it.
            Recover(new NvmeException(NvmeFault.Timeout, "a reset was asked for"));
        }

        RaiseNotices();
        if (Failure is { } failure)
        {
            throw new NvmeException(failure.Fault, failure.Message, failure);
        }
    }

    /// <summary>Resets the controller until it works or is given up. Queues are kept out meanwhile.</summary>
    private void Recover(NvmeException reason)
    {
        if (Failure is not null)
        {
            return;
        }

        Gate.Stop(_queues);
        ForgivePastResets();
        NvmeException cause = reason;
        while (reason.Fault != NvmeFault.Removed && _resetsWithoutProgress < Options.MaxResets)
        {
            _resetsWithoutProgress++;
            Resets++;
            try
            {
                Restart();
                Gate.Start();
                _queues.ForEach(q => q.Wake());
                _notices.Add(() => Recovered?.Invoke(cause));
                return;
            }
            catch (NvmeException e)
            {
                reason = e;
            }
            catch (IOException e)
            {
                reason = new NvmeException(NvmeFault.NoResources, $"the controller cannot be started again: {e.Message}", e);
            }
        }

        GiveUp(reason);
    }

    private void Restart()
    {
        string serial = Identity.SerialNumber;
        if (!_session.Stop())
        {
            // The function was reset, and its interrupts with it. Users wait for the doorbells of before, so queues are polled from here on.
            _interrupts = null;
            _queues.ForEach(q => q.Pair.Vector = -1);
        }

        _session.Start();
        if (Identity.SerialNumber != serial)
        {
            throw new NvmeException(NvmeFault.Removed, $"controller {serial} came back from its reset as {Identity.SerialNumber}");
        }

        if (_writeCache is { } enabled)
        {
            _session.SetWriteCache(enabled);
        }

        RefreshNamespaces();
        _queues.ForEach(q => q.TakeReport());
        _queues.ForEach(q => _session.Create(q.Pair));
        _session.Admin.RequestEvents(Identity.EventRequests);
    }

    /// <summary>Resets count as in a row while no command completed between them, and they come close together.</summary>
    private void ForgivePastResets()
    {
        long completed = _queues.Sum(q => q.CompletedCommands);
        long now = Environment.TickCount64;
        if (completed != _completedAtReset || now - _lastReset > 10 * (long)Options.CommandTimeout.TotalMilliseconds)
        {
            _resetsWithoutProgress = 0;
        }

        _completedAtReset = completed;
        _lastReset = now;
    }

    /// <summary>Ends everything with errors, once the controller does not reach memory any more.</summary>
    private void GiveUp(NvmeException reason)
    {
        SwitchOff();
        Gate.Fail(reason, _queues);
        _queues.ForEach(q => q.Wake());
        _notices.Add(() => Failed?.Invoke());
    }
}
