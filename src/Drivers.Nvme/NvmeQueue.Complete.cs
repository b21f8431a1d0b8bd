using System.Diagnostics;
using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <content>From completions of commands to completions of requests.</content>
public sealed partial class NvmeQueue
{
    private long _completedCommands;
    private long _errors;
    private long _retries;
    private long _lateInterrupts;

    /// <summary>Takes what the controller completed, until <paramref name="completions"/> is full.</summary>
    /// <returns>How many completions there are now.</returns>
    private int TakeCompletions(Span<BlockCompletion> completions, int count)
    {
        int before = count;
        while (count < completions.Length && _completions.TryTake(out CompletionEntry entry))
        {
            if (entry.SubmissionQueue != _pair.Id || entry.SubmissionHead >= _pair.Entries || !_commands.TryMatch(entry.CommandId, out int slot))
            {
                ReportViolation(entry);
                break;
            }

            ref CommandSlot command = ref _commands[slot];
            int tag = command.Tag;
            ref RequestState state = ref _requests[tag];
            _completedCommands++;
            if (entry.Status.Code != 0)
            {
                if (TryRetry(slot, ref command, ref state, entry.Status))
                {
                    continue;
                }
            }

            if (command.Bounce >= 0)
            {
                ReturnBounce(ref command, ref state, entry.Status);
            }

            _commands.Return(slot);
            state.Outstanding--;
            if (state.IsDone)
            {
                state.IsOpen = false;
                completions[count++] = new BlockCompletion(tag, state.Result);
            }
        }

        _completions.Release();
        if (count != before)
        {
            NoteInterrupt();
        }

        return count;
    }

    /// <summary>Decides over a command that the controller ended with an error.</summary>
    /// <returns>True where it is sent again later.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryRetry(int slot, ref CommandSlot command, ref RequestState state, NvmeStatus status)
    {
        if (!status.DoNotRetry && command.Attempts < _options.MaxRetries && IsTransient(status) && state.Status.Value == 0 && _namespace.Geometry is not null)
        {
            long now = Environment.TickCount64;
            command.State = CommandState.Waiting;
            command.Time = now + RetryDelay(status, command.Attempts);
            command.Attempts++;
            _waiting++;
            _retries++;
            _nextScan = Math.Min(_nextScan, command.Time);
            return true;
        }

        _errors++;
        state.Fail(status);
        return false;
    }

    /// <summary>A difference that a compare found stays, and so does what is wrong with the command itself.</summary>
    private static bool IsTransient(NvmeStatus status) =>
        status.Code != NvmeStatus.CompareFailure.Code && status.Code is not (0x001 or 0x002 or 0x00b or 0x013 or 0x080 or 0x182);

    private long RetryDelay(NvmeStatus status, int attempt)
    {
        long asked = _controller.Identity.RetryDelays[status.RetryDelay] * 100L;
        return asked != 0 ? Math.Min(asked, _timeout) : attempt == 0 ? 0 : 10L << (2 * Math.Min(attempt, 4));
    }

    private void ReturnBounce(ref CommandSlot command, ref RequestState state, NvmeStatus status)
    {
        if (state.Opcode == NvmOpcode.Read && status.Code == 0)
        {
            _mapper.Bounce.Drain(command.Bounce, state.Data.AsSpan(), command.Start, command.Length);
        }

        _mapper.Bounce.Return(command.Bounce);
        command.Bounce = -1;
    }

    /// <summary>Completes a request outside of <see cref="TakeCompletions"/>.</summary>
    private void Finish(int tag, ref RequestState state)
    {
        state.IsOpen = false;
        _finished.Enqueue(new BlockCompletion(tag, state.Result));
    }

    /// <summary>Completions that lay there when the sleep was over had their interrupt lost, or late.</summary>
    private void NoteInterrupt()
    {
        if (_armedUntil != long.MaxValue)
        {
            _lateInterrupts += _pair.Vector >= 0 && Stopwatch.GetTimestamp() >= _armedUntil ? 1 : 0;
            _armedUntil = long.MaxValue;
        }
    }

    /// <summary>When <see cref="Poll"/> is wanted again at the latest, while requests are open.</summary>
    private long NextLook()
    {
        bool sleeps = _isRunning && _pair.Vector >= 0;
        TimeSpan interval = sleeps ? _options.LostInterruptInterval : _isRunning ? _options.PollInterval : StoppedInterval;
        if (_waiting != 0)
        {
            long untilRetry = Math.Clamp(_nextScan - Environment.TickCount64, 0, 1000);
            interval = TimeSpan.FromMilliseconds(Math.Min(interval.TotalMilliseconds, untilRetry));
        }

        long deadline = Stopwatch.GetTimestamp() + (long)(interval.TotalSeconds * Stopwatch.Frequency);
        _armedUntil = deadline;
        return deadline;
    }
}
