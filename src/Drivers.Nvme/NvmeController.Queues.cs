using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <content>Queues of its namespaces, opened and closed.</content>
public sealed partial class NvmeController
{
    internal NvmeQueue OpenQueue(NvmeNamespace owner, int depth, Doorbell? completions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(depth, 65536);
        return Administer(session =>
        {
            if (_freeQueueIds.Count == 0)
            {
                throw new NvmeException(NvmeFault.NoResources, $"all {MaxQueues} queues of the controller are in use");
            }

            int id = _freeQueueIds.Min;

            // A doorbell of the user's own cannot be rung by the function: such a queue is polled.
            int vector = completions is null && _interrupts is not null && id < _interrupts.Vectors.Count ? id : -1;
            int entries = Math.Min(Math.Max(depth + 1, MinQueueEntries), Math.Min(MaxQueueEntries, session.Port.Capabilities.MaxQueueEntries));
            NvmeQueue queue = Allocate(owner, session, id, entries, vector, depth, completions);
            try
            {
                session.Create(queue.Pair);
            }
            catch
            {
                // The controller may know half of it: its memory goes with the reset that the caller starts, or was never known.
                Unwind(session, queue);
                throw;
            }

            _freeQueueIds.Remove(id);
            _queues.Add(queue);
            Volatile.Write(ref _openQueues, [.. _queues]);
            return queue;
        });
    }

    internal void CloseQueue(NvmeQueue queue)
    {
        lock (_control)
        {
            _queues.Remove(queue);
            Volatile.Write(ref _openQueues, [.. _queues]);
            if (Failure is null && !_isClosed)
            {
                try
                {
                    _session.Delete(queue.Pair);
                }
                catch (NvmeException e)
                {
                    // After the reset, or without bus mastering, the controller does not know the queue's memory any more.
                    Recover(e);
                }
            }

            queue.Free();
            _freeQueueIds.Add(queue.Pair.Id);
        }

        RaiseNotices();
    }

    /// <summary>Has the calling thread stay where it is to wait for a vector.</summary>
    /// <returns>The processor; negative where it may be on any.</returns>
    internal int Settle(int vector) => (vector < 0 ? null : _interrupts?.Settle)?.Invoke(vector) ?? -1;

    private NvmeQueue Allocate(NvmeNamespace owner, ControllerSession session, int id, int entries, int vector, int depth, Doorbell? completions)
    {
        var pair = new QueuePair(_function.Dma, session.Port, id, entries, vector);
        try
        {
            var mapper = new DataMapper(_function.Dma, NvmeQueue.SlotsOf(entries), Options.UseScatterGatherLists ? Identity.SglAlignment : 0, Options.BounceLength);
            try
            {
                return new NvmeQueue(this, owner, pair, mapper, depth, completions ?? (vector < 0 ? null : _interrupts!.Vectors[vector]));
            }
            catch
            {
                mapper.Dispose();
                throw;
            }
        }
        catch
        {
            pair.Dispose();
            throw;
        }
    }

    private void Unwind(ControllerSession session, NvmeQueue queue)
    {
        try
        {
            session.Admin.Execute(AdminCommand.DeleteCompletionQueue(queue.Pair.Id), "Delete I/O Completion Queue");
        }
        catch (NvmeException e)
        {
            if (e.Fault != NvmeFault.CommandFailed)
            {
                Recover(e);
            }
        }

        queue.Free();
    }
}
