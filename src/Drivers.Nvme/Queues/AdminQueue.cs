using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>
/// The admin queue: one command at a time, waited for, and beside it the asynchronous event requests, which wait in the controller. Its users hold the controller's lock.
/// After an exception other than that a command was refused, nothing more goes through until the controller was reset.
/// </summary>
internal sealed class AdminQueue : IDisposable
{
    internal const int Entries = 32;

    /// <summary>Length of the data of a command.</summary>
    internal const int DataLength = 4096;

    private const int MostEventRequests = 4;
    private const ushort FirstEventRequest = 0x8000;
    private readonly DmaMemory _memory;
    private readonly SubmissionRing _submissions;
    private readonly CompletionRing _completions;
    private readonly TimeSpan _timeout;
    private readonly Queue<NvmeEvent> _events = new();
    private readonly bool[] _eventRequests = new bool[MostEventRequests];
    private ushort _nextCommandId;
    private bool _isBroken;

    internal AdminQueue(DmaSpace space, ControllerPort port, TimeSpan timeout)
    {
        _memory = space.Allocate(3 * DataLength);
        _timeout = timeout;
        var tail = new QueueDoorbell(port.SubmissionDoorbell(0));
        var head = new QueueDoorbell(port.CompletionDoorbell(0));
        _submissions = new SubmissionRing(_memory.Slice(0, Entries * SubmissionEntry.Length), tail);
        _completions = new CompletionRing(_memory.Slice(DataLength, Entries * CompletionEntry.Length), head);
    }

    /// <summary>Nothing goes through any more before a reset.</summary>
    internal bool IsBroken => _isBroken;

    internal ulong SubmissionIova => _memory.Iova;

    internal ulong CompletionIova => _memory.Iova + DataLength;

    /// <summary>Starts again, while the controller is stopped.</summary>
    internal void Reset()
    {
        _memory.Slice(0, 3 * DataLength).AsSpan().Clear();
        _submissions.Reset();
        _completions.Reset();
        Array.Clear(_eventRequests);
        _isBroken = false;
    }

    /// <summary>Does a command and waits for it.</summary>
    /// <param name="command">The command without identifier and data pointer.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="data">Takes what the controller wrote: at most a page, of which a private copy is made. Empty for a command without data.</param>
    /// <returns>The result.</returns>
    /// <exception cref="NvmeException">It was refused, took too long, or the controller broke the standard.</exception>
    internal uint Execute(SubmissionEntry command, string name, Span<byte> data = default)
    {
        if (_isBroken)
        {
            throw new NvmeException(NvmeFault.Timeout, $"{name} has to wait until the controller was reset");
        }

        if (!data.IsEmpty)
        {
            _memory.Slice(2 * DataLength, DataLength).AsSpan().Clear();
            command.Data1 = _memory.Iova + (2 * DataLength);
        }

        ushort id = _nextCommandId;
        _nextCommandId = (ushort)((id + 1) & (FirstEventRequest - 1));
        Send(command, id);
        (NvmeStatus status, uint result) = WaitFor(id, name);
        if (status.Code != 0)
        {
            throw new NvmeException(name, status);
        }

        _memory.Slice(2 * DataLength, data.Length).AsSpan().CopyTo(data);
        return result;
    }

    /// <summary>Lets the controller report up to <paramref name="most"/> events at a time.</summary>
    internal void RequestEvents(int most)
    {
        for (int i = 0; i < Math.Min(most, MostEventRequests) && !_isBroken; i++)
        {
            if (!_eventRequests[i])
            {
                _eventRequests[i] = true;
                Send(AdminCommand.AsynchronousEventRequest(), (ushort)(FirstEventRequest + i));
            }
        }
    }

    /// <summary>Takes an event that was reported.</summary>
    internal bool TryTakeEvent(out NvmeEvent reported)
    {
        while (!_isBroken && _completions.TryTake(out CompletionEntry entry))
        {
            TakeEvent(entry);
        }

        _completions.Release();
        return _events.TryDequeue(out reported);
    }

    public void Dispose() => _memory.Dispose();

    private void Send(SubmissionEntry command, ushort id)
    {
        command.Command |= (uint)id << 16;
        _submissions.Push(command);
        _submissions.Publish();
    }

    private (NvmeStatus Status, uint Result) WaitFor(ushort id, string name)
    {
        var deadline = new Deadline(_timeout);
        for (int turn = 0; ; turn++)
        {
            // Looked at before the queue, so that a thread that slept too long looks once more.
            bool late = deadline.IsPast;
            while (_completions.TryTake(out CompletionEntry entry))
            {
                if (entry.CommandId == id && IsOurs(entry))
                {
                    uint result = _completions.LastResult();
                    _completions.Release();
                    return (entry.Status, result);
                }

                TakeEvent(entry);
            }

            _completions.Release();
            if (late)
            {
                _isBroken = true;
                throw new NvmeException(NvmeFault.Timeout, $"the controller did not complete {name} in {_timeout.TotalSeconds:0.#} s");
            }

            Pause(turn);
        }
    }

    private static void Pause(int turn)
    {
        if (turn < 64)
        {
            Thread.SpinWait(20);
            return;
        }

        Thread.Sleep(turn < 200 ? 0 : 1);
    }

    private static bool IsOurs(CompletionEntry entry) => entry.SubmissionQueue == 0 && entry.SubmissionHead < Entries;

    /// <summary>What is no answer to the command is an event, or an error of the controller.</summary>
    private void TakeEvent(CompletionEntry entry)
    {
        int request = entry.CommandId - FirstEventRequest;
        if ((uint)request >= MostEventRequests || !_eventRequests[request] || !IsOurs(entry))
        {
            _isBroken = true;
            throw new NvmeException(NvmeFault.Protocol, $"the controller completed admin command 0x{entry.CommandId:x} of queue {entry.SubmissionQueue}, which is not outstanding");
        }

        // One that was refused stays out until the next reset: the controller takes fewer than it said.
        if (entry.Status.Code == 0)
        {
            _eventRequests[request] = false;
            _events.Enqueue(NvmeEvent.Parse(_completions.LastResult()));
        }
    }
}
