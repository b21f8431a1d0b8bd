namespace Makatea.Drivers.Nvme;

/// <summary>
/// What keeps queues away from the controller while it is reset. One word: even while commands flow, odd while the controller is stopped, <see cref="Failed"/> for good.
/// A queue looks at it once a batch, between saying that it is inside and saying that it left; no lock and no fence.
/// </summary>
/// <remarks>
/// The queue's store (inside) and load (word) may be reordered by the processor, and the other side's store (word) and load (inside) as well. The price is paid by the side that
/// rarely acts: its barrier runs on every processor of the process, so each queue either has seen the word or is seen inside.
/// </remarks>
internal sealed class RecoveryGate
{
    internal const int Failed = -1;

    private int _word;

    internal int Word => Volatile.Read(ref _word);

    /// <summary>What the controller failed of, once it did.</summary>
    internal NvmeException? Failure { get; private set; }

    internal static bool IsStopped(int word) => (word & 1) != 0;

    /// <summary>Keeps queues out. None is inside after the return; it takes as long as the longest batch.</summary>
    internal void Stop(IReadOnlyList<NvmeQueue> queues)
    {
        if (!IsStopped(_word))
        {
            Close(_word + 1, queues);
        }
    }

    /// <summary>Lets queues in again; each replays what it has outstanding.</summary>
    internal void Start()
    {
        if (_word != Failed)
        {
            Volatile.Write(ref _word, (_word + 1) & int.MaxValue);
        }
    }

    /// <summary>Keeps queues out for good; each ends what it has outstanding with an error. The controller no longer reaches memory.</summary>
    internal void Fail(NvmeException failure, IReadOnlyList<NvmeQueue> queues)
    {
        Failure ??= failure;
        Close(Failed, queues);
    }

    private void Close(int word, IReadOnlyList<NvmeQueue> queues)
    {
        Volatile.Write(ref _word, word);
        Interlocked.MemoryBarrierProcessWide();
        foreach (NvmeQueue queue in queues)
        {
            var wait = default(SpinWait);
            while (queue.IsInside)
            {
                wait.SpinOnce();
            }
        }
    }
}
