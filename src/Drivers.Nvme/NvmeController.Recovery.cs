using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <content>Start, watch, reset, and end of the controller.</content>
public sealed partial class NvmeController
{
    private readonly List<Action> _notices = [];
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

    private void Start()
    {
        _session.Stop();
        _session.Start();
        MaxQueues = _session.QueueCount;
        if (MaxQueues < 1)
        {
            throw new NvmeException(NvmeFault.NoResources, "the controller has no I/O queue");
        }

        _freeQueueIds.UnionWith(Enumerable.Range(1, MaxQueues));
        Namespaces = _session.ListNamespaces();
        ReadHealthOnce();
        EnableInterrupts();
        _session.Admin.RequestEvents(Identity.EventRequests);
        _watchdog = new Watchdog($"nvme {_function.Address}", Options.WatchInterval, Watch);
    }

    private void EnableInterrupts()
    {
        int count = Math.Min(_function.MaxInterrupts, 1 + MaxQueues);
        if (!Options.UseInterrupts || count < 2)
        {
            return;
        }

        try
        {
            _interrupts = _function.EnableInterrupts(count);
            if (_interrupts.Kind == PciInterruptKind.Pin)
            {
                _function.DisableInterrupts();
                _interrupts = null;
            }
        }
        catch (IOException)
        {
            // Without interrupts queues are polled.
            _interrupts = null;
        }
    }

    private void ReadHealthOnce()
    {
        try
        {
            LastHealth = NvmeHealth.Parse(_session.ReadLog(LogPage.Health, 512, keepEvent: true));
        }
        catch (NvmeException e) when (e.Fault == NvmeFault.CommandFailed)
        {
            // Mandatory since 1.0, and yet not in every controller.
        }
    }

    /// <summary>The watchdog's round.</summary>
    private void Watch()
    {
        lock (_control)
        {
            if (_isClosed || Failure is not null)
            {
                return;
            }

            try
            {
                LookAfter();
            }
            catch (NvmeException e)
            {
                Recover(e);
            }
        }

        RaiseNotices();
    }

    private void LookAfter()
    {
        if (_function.IsGone)
        {
            throw new NvmeException(NvmeFault.Removed, "the controller was taken away");
        }

        _session.Port.ThrowIfGone();
        if (_session.Port.IsFatal)
        {
            throw new NvmeException(NvmeFault.FatalStatus, "the controller reports fatal status");
        }

        foreach (NvmeQueue queue in _queues)
        {
            Answer(queue, queue.TakeReport());
        }

        while (_session.Admin.TryTakeEvent(out NvmeEvent reported))
        {
            Handle(reported);
        }
    }

    private void Answer(NvmeQueue queue, QueueReport report)
    {
        switch (report.Kind)
        {
            case QueueReportKind.Late:
                AbortCommand(queue, report.CommandId);
                break;
            case QueueReportKind.Stuck:
                throw new NvmeException(
                    NvmeFault.Timeout, $"command 0x{report.CommandId:x} of queue {queue.Pair.Id} took more than {2 * Options.CommandTimeout.TotalSeconds:0.#} s, and aborting it did not end it");
            case QueueReportKind.Violation:
                throw new NvmeException(NvmeFault.Protocol, $"queue {queue.Pair.Id} completed command 0x{report.CommandId:x}, which is not outstanding");
        }
    }

    private void AbortCommand(NvmeQueue queue, ushort commandId)
    {
        try
        {
            _session.Admin.Execute(AdminCommand.Abort(queue.Pair.Id, commandId), "Abort");
        }
        catch (NvmeException e) when (e.Fault == NvmeFault.CommandFailed)
        {
            // Abort may be refused; the command then gets stuck or does not.
        }
    }

    private void Handle(NvmeEvent reported)
    {
        if (reported.NeedsReset)
        {
            throw new NvmeException(NvmeFault.FatalStatus, "the controller reports a persistent internal error");
        }

        // Reading the log page clears the event, so that the next of its kind is reported.
        ClearEvent(reported);
        if (reported.IsNamespaceChange)
        {
            RefreshNamespaces();
        }

        if (reported.Kind == NvmeEventKind.Health)
        {
            ReadHealthOnce();
        }

        _session.Admin.RequestEvents(Identity.EventRequests);
        _notices.Add(() => EventReported?.Invoke(reported));
    }

    private void ClearEvent(NvmeEvent reported)
    {
        try
        {
            if (reported.Kind != NvmeEventKind.Vendor && reported.Log != 0)
            {
                _session.ReadLog((LogPage)reported.Log, 512, keepEvent: false);
            }
        }
        catch (NvmeException e) when (e.Fault == NvmeFault.CommandFailed)
        {
            // A log that cannot be read clears nothing; the event is not reported again.
        }
    }

    private void RefreshNamespaces()
    {
        Namespaces = _session.ListNamespaces();
        foreach (NvmeNamespace opened in _namespaces)
        {
            if (opened.Update(Namespaces.Contains(opened.NamespaceId) ? ReadNamespaceNow(opened.NamespaceId) : null))
            {
                _notices.Add(opened.NotifyInfoChanged);
            }
        }
    }

    private NamespaceGeometry? ReadNamespaceNow(uint id)
    {
        try
        {
            return _session.ReadNamespace(id);
        }
        catch (NvmeException e) when (e.Fault is NvmeFault.Unsupported or NvmeFault.Protocol && !_session.Admin.IsBroken)
        {
            return null;
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
        while (reason.Fault != NvmeFault.Removed && _resetsWithoutProgress < Options.MaxResets)
        {
            _resetsWithoutProgress++;
            Resets++;
            try
            {
                Restart();
                Gate.Start();
                _queues.ForEach(q => q.Wake());
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

    private void ShutDown()
    {
        Gate.Stop(_queues);
        try
        {
            foreach (NvmeQueue queue in _queues)
            {
                _session.Delete(queue.Pair);
            }

            _session.Port.Shutdown(Identity.ShutdownTime > Options.ShutdownTimeout ? Identity.ShutdownTime : Options.ShutdownTimeout);
            _session.Stop();
        }
        catch (IOException)
        {
            // It is switched off all the same.
        }

        SwitchOff();
    }

    /// <summary>The function reaches no memory any more. Its doorbells stay until it is disposed, as users may wait for them.</summary>
    private void SwitchOff()
    {
        try
        {
            _function.SetBusMaster(false);
        }
        catch (IOException)
        {
            // A function that is gone is off.
        }
    }

    /// <summary>Gives back what was taken; nothing is asked of the controller any more.</summary>
    private void Abandon()
    {
        SwitchOff();
        Mappings.Clear();
        _session.Dispose();
    }

    private void RaiseNotices()
    {
        Action[] notices;
        lock (_control)
        {
            notices = [.. _notices];
            _notices.Clear();
        }

        Array.ForEach(notices, n => n());
    }

    private void ThrowIfUnusable()
    {
        if (Failure is { } failure)
        {
            throw new NvmeException(failure.Fault, $"the controller was given up: {failure.Message}", failure);
        }

        ObjectDisposedException.ThrowIf(_isClosed, this);
    }
}
