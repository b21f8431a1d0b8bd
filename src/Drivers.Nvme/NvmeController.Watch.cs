namespace Makatea.Drivers.Nvme;

/// <content>The watchdog's round: fatal status, removal, commands that take too long, events.</content>
public sealed partial class NvmeController
{
    private readonly List<Action> _notices = [];

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
}
