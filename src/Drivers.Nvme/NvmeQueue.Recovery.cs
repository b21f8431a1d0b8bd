using System.Runtime.CompilerServices;

namespace Makatea.Drivers.Nvme;

/// <content>What becomes of commands that take too long, and of all of them over a reset.</content>
public sealed partial class NvmeQueue
{
    private const long ScanInterval = 1000;

    private long _replays;
    private long _timeouts;

    /// <summary>Takes what the queue has to report, once.</summary>
    internal QueueReport TakeReport() => QueueReport.FromWord(Interlocked.Exchange(ref _report, 0));

    /// <summary>Wakes the queue's thread where it sleeps, after the controller came back or was given up.</summary>
    internal void Wake()
    {
        // A vector that went with a reset of the function cannot be rung; its user looks again by itself.
        if (_hasUsersDoorbell || _pair.Vector >= 0)
        {
            Completions?.Ring();
        }
    }

    /// <summary>The gate's word changed: the controller is stopped, runs again, or failed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Resume()
    {
        int word = _gate.Word;
        _seenWord = word;
        _isRunning = !RecoveryGate.IsStopped(word);
        _now = Environment.TickCount64;
        if (word == RecoveryGate.Failed)
        {
            FailAll();
        }
        else if (_isRunning)
        {
            Replay();
            IssuePending();
            _submissions.Publish();
        }
    }

    /// <summary>
    /// Sends again what the controller had when it was stopped: it completed none of it towards us and will complete none of it any more. Every command leaves the same contents
    /// when it is done twice, and the block contract gives no order to requests that are outstanding together.
    /// </summary>
    private void Replay()
    {
        Interlocked.Exchange(ref _report, 0);
        _nextScan = _now + Math.Min(ScanInterval, _timeout);
        for (int slot = 0; slot < _commands.Capacity; slot++)
        {
            ref CommandSlot command = ref _commands[slot];
            if (command.State != CommandState.Sent)
            {
                continue;
            }

            // Only a command that made the controller hang is counted: the others are not to blame.
            command.Attempts += (byte)(command.IsLate ? 1 : 0);
            if (_namespace.Geometry is null || command.Attempts > _options.MaxRetries)
            {
                GiveUp(slot, ref command);
                continue;
            }

            _replays++;
            Send(slot);
        }
    }

    /// <summary>Ends a command that the controller does not have.</summary>
    private void GiveUp(int slot, ref CommandSlot command)
    {
        int tag = command.Tag;
        ref RequestState state = ref _requests[tag];
        _errors++;
        _waiting -= command.State == CommandState.Waiting ? 1 : 0;
        state.Fail(NvmeStatus.HostAborted);
        if (command.Bounce >= 0)
        {
            ReturnBounce(ref command, ref state, NvmeStatus.HostAborted);
        }

        _commands.Return(slot);
        state.Outstanding--;
        if (state.IsDone)
        {
            Finish(tag, ref state);
        }
    }

    private void FailAll()
    {
        for (int slot = 0; slot < _commands.Capacity; slot++)
        {
            ref CommandSlot command = ref _commands[slot];
            if (command.State != CommandState.Free)
            {
                GiveUp(slot, ref command);
            }
        }

        while (_pending.Count != 0)
        {
            FailPending(_pending.Dequeue());
        }
    }

    private void FailPending(int tag)
    {
        ref RequestState state = ref _requests[tag];
        state.Fail(NvmeStatus.HostAborted);
        state.IsPending = false;
        Finish(tag, ref state);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CheckTime()
    {
        if (_now >= _nextScan || _nextScan == long.MaxValue)
        {
            Scan();
        }
    }

    /// <summary>Sends again what waited for that, and looks for commands that take too long. What the controller completed by now was taken before.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Scan()
    {
        _nextScan = _now + Math.Min(ScanInterval, Math.Max(1, _timeout / 4));
        for (int slot = 0; slot < _commands.Capacity; slot++)
        {
            ref CommandSlot command = ref _commands[slot];
            if (command.State == CommandState.Waiting)
            {
                SendAgain(slot, ref command);
            }
            else if (command.State == CommandState.Sent && _now - command.Time >= _timeout && !_completions.HasNext)
            {
                ReportLate(slot, ref command);
            }
        }
    }

    private void SendAgain(int slot, ref CommandSlot command)
    {
        if (command.Time > _now)
        {
            _nextScan = Math.Min(_nextScan, command.Time);
            return;
        }

        if (_namespace.Geometry is null)
        {
            GiveUp(slot, ref command);
            return;
        }

        _waiting--;
        Send(slot);
    }

    /// <summary>First it is to be aborted; where that does not end it in the same time once more, the controller is to be reset.</summary>
    private void ReportLate(int slot, ref CommandSlot command)
    {
        if (!command.IsLate)
        {
            if (Report(new QueueReport(QueueReportKind.Late, _commands.IdOf(slot))))
            {
                command.IsLate = true;
                _timeouts++;
            }
        }
        else if (_now - command.Time >= 2 * _timeout)
        {
            Report(new QueueReport(QueueReportKind.Stuck, _commands.IdOf(slot)));
        }
    }

    /// <summary>The controller cannot be trusted with anything that is outstanding: nothing more is taken from it before a reset.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReportViolation(CompletionEntry entry)
    {
        _isRunning = false;
        Interlocked.Exchange(ref _report, new QueueReport(QueueReportKind.Violation, entry.CommandId).ToWord());
        _controller.WakeWatchdog();
    }

    /// <returns>False where the watchdog did not yet take the last report.</returns>
    private bool Report(QueueReport report)
    {
        bool isTaken = Interlocked.CompareExchange(ref _report, report.ToWord(), 0) == 0;
        _controller.WakeWatchdog();
        return isTaken;
    }
}
