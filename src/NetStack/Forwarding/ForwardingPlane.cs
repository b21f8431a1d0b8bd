using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// The ports, the frames and the time of one forwarding thread: what a forwarder works with. It is driven by a <see cref="ForwardingLoop"/>; everything here is that thread's.
/// </summary>
public sealed class ForwardingPlane
{
    /// <summary>Most frames that a forwarder gets at once, and most that are taken from one queue before the next queue's turn.</summary>
    public const int BatchSize = 32;

    private readonly IForwarder _forwarder;
    private readonly int[] _received = new int[BatchSize];
    private ForwardingPort?[] _ports = [];
    private ForwardingQueue[] _queues = [];
    private int _reserved;
    private int _first;
    private bool _isForward;
    private int _share = BatchSize;
    private long _deadline;

    /// <summary>Makes a plane without ports.</summary>
    /// <param name="frames">Where all frames are.</param>
    /// <param name="forwarder">What is done with them.</param>
    public ForwardingPlane(FramePool frames, IForwarder forwarder)
    {
        Frames = frames;
        _forwarder = forwarder;
    }

    /// <summary>Where all frames are.</summary>
    public FramePool Frames { get; }

    /// <summary>Milliseconds of a clock that never goes back; the same for a whole turn of the thread.</summary>
    public long Now { get; private set; }

    /// <summary>Numbers of ports are below this.</summary>
    public int PortLimit => _ports.Length;

    /// <summary>When the forwarder wants to be called, in terms of <see cref="Now"/>.</summary>
    internal long Deadline => _deadline;

    internal ReadOnlySpan<ForwardingQueue> Queues => _queues;

    /// <summary>The port of a number, or null where there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ForwardingPort? Port(int port)
    {
        ForwardingPort?[] ports = _ports;
        return (uint)port < (uint)ports.Length ? ports[port] : null;
    }

    /// <summary>Sends a frame out of a port. What it asks for and the port does not do is done here. It is dropped where there is no such port, or no room in its queue.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Send(int port, int frame)
    {
        if (Port(port) is not { } egress)
        {
            Frames.Free(frame);
            return;
        }

        ref FrameInfo info = ref Frames[frame];
        if (info.IsPlain)
        {
            QueueOf(egress, frame).Add(frame, in info);
        }
        else
        {
            SendOther(egress, frame);
        }
    }

    /// <summary>Sends frames out of one port, in their order. One call costs less than many.</summary>
    public void Send(int port, ReadOnlySpan<int> frames)
    {
        while (!frames.IsEmpty)
        {
            if (Port(port) is { Queues.Length: 1 } egress)
            {
                frames = frames[egress.Queues[0].Add(frames)..];
                if (frames.IsEmpty)
                {
                    return;
                }
            }

            Send(port, frames[0]);
            frames = frames[1..];
        }
    }

    /// <summary>Gives a frame up.</summary>
    public void Drop(int frame) => Frames.Free(frame);

    /// <summary>Adds a port with queues that were opened.</summary>
    /// <exception cref="InvalidOperationException">There are too few buffers for one more; the message says how many there have to be.</exception>
    internal ForwardingPort Attach(NetPort port, string name, ReadOnlySpan<NetQueue> queues, NetQueueOptions options)
    {
        int needed = (ForwardingQueue.BuffersNeeded(options) * queues.Length) + _forwarder.BuffersHeld;
        if (Frames.Count - _reserved < needed)
        {
            throw new InvalidOperationException(
                $"port {name} needs {needed} buffers for its {queues.Length} queues; {Frames.Count - _reserved} of {Frames.Count} are left. Make the pool larger, or the queues' depths smaller");
        }

        _reserved += needed;
        int index = Array.IndexOf(_ports, null);
        if (index < 0)
        {
            index = _ports.Length;
            Array.Resize(ref _ports, index + 1);
        }

        var attached = new ForwardingPort(index, port, name) { Queues = new ForwardingQueue[queues.Length] };
        for (int i = 0; i < queues.Length; i++)
        {
            attached.Queues[i] = new(Frames, attached, queues[i], options, FreeOwner());
            _queues = [.. _queues, attached.Queues[i]];
        }

        _ports[index] = attached;
        attached.Reserved = needed;
        _forwarder.PortChanged(this, index);
        return attached;
    }

    /// <summary>Takes a port away and closes its queues.</summary>
    internal void Detach(ForwardingPort port)
    {
        _ports[port.Index] = null;
        _queues = Array.FindAll(_queues, queue => queue.Port != port);
        foreach (ForwardingQueue queue in port.Queues)
        {
            queue.Close();
        }

        _reserved -= port.Reserved;
        _forwarder.PortChanged(this, port.Index);
    }

    /// <summary>
    /// One turn: a batch from each queue, what is to be sent, and what is due. Where one queue cannot send as fast as others want it to, less is taken from those at a time: frames wait where they come from, each in
    /// its own queue, and are not dropped here, where the one who sends most would get nearly all the room.
    /// </summary>
    /// <param name="now">The time.</param>
    /// <returns>Whether there was anything to do.</returns>
    internal bool Turn(long now)
    {
        Now = now;
        int work = 0;
        ForwardingQueue[] queues = _queues;
        int next = NextFirst(queues.Length);
        for (int i = 0; i < queues.Length; i++)
        {
            ForwardingQueue queue = queues[next];
            next += _isForward ? 1 : -1;
            next = next == queues.Length ? 0 : next < 0 ? queues.Length - 1 : next;
            if (queue.Port.IsStale)
            {
                queue.Port.Refresh();
                _forwarder.PortChanged(this, queue.Port.Index);
            }

            int count = queue.Receive(_received, queue.IsCongested ? BatchSize : _share, out int parts);
            work += parts;
            if (count != 0)
            {
                _forwarder.Forward(this, queue.Port.Index, _received.AsSpan(0, count));
            }
        }

        if (now >= _deadline)
        {
            _deadline = _forwarder.Tick(this, now);
        }

        bool isCongested = false;
        foreach (ForwardingQueue queue in queues)
        {
            if (queue.HasBatch)
            {
                queue.Flush();
            }

            queue.Reclaim();
            queue.Supply();
            isCongested |= queue.CheckCongestion();
        }

        _share = isCongested ? Math.Max(1, _share / 2) : Math.Min(BatchSize, _share + 1);
        return work != 0;
    }

    /// <summary>Another queue comes first each time, and every other round they come the other way round: where there is room for few, each of two comes before the other as often as behind it.</summary>
    private int NextFirst(int count)
    {
        if (++_first >= count)
        {
            _first = 0;
            _isForward = !_isForward;
        }

        return _first;
    }

    /// <summary>Has the forwarder called in the next turn.</summary>
    internal void TickSoon() => _deadline = 0;

    private ForwardingQueue QueueOf(ForwardingPort port, int frame)
    {
        ForwardingQueue[] queues = port.Queues;
        return queues.Length == 1 ? queues[0] : queues[(int)(FlowHash.Of(Frames.Head(frame)) % (uint)queues.Length)];
    }

    /// <summary>Sends a frame that asks for work, of which something is known, or of several parts.</summary>
    private void SendOther(ForwardingPort egress, int frame)
    {
        ref FrameInfo info = ref Frames[frame];
        NetFrameFlags work = info.Offload.Flags &= PortOffloads.Transmitted;
        NetFrameFlags lacking = work & egress.Lacks;
        if ((work & PortOffloads.Segmentation) != 0)
        {
            if (!SegmentPlan.TryRead(Frames.Head(frame), info, out SegmentPlan plan))
            {
                egress.Counters.SendErrors++;
                Frames.Free(frame);
                return;
            }

            if ((lacking & ~NetFrameFlags.HasVlanTag) != 0 || info.Length > egress.Info.MaxSegmentedLength || info.Parts > egress.Info.MaxSegments)
            {
                SendSegments(egress, frame, plan);
                return;
            }

            // What the sender says of its headers is no more than a hint ([VIRTIO-1.3] 5.1.6.2).
            plan.Describe(ref info.Offload);
        }

        // The tag last, which moves the rest.
        if (((lacking & NetFrameFlags.NeedsChecksum) != 0 && !SoftwareOffload.TryComplete(Frames, frame))
            || ((lacking & NetFrameFlags.HasVlanTag) != 0 && !SoftwareOffload.TryInsertTag(Frames, frame))
            || info.Parts > egress.Info.MaxSegments)
        {
            egress.Counters.SendErrors++;
            Frames.Free(frame);
            return;
        }

        QueueOf(egress, frame).Add(frame, in info);
    }

    private void SendSegments(ForwardingPort egress, int frame, in SegmentPlan plan)
    {
        var segmenter = new Segmenter(Frames, frame, plan);
        int left = plan.Count;
        for (int segment = segmenter.Next(); segment != FramePool.None; segment = segmenter.Next())
        {
            SendOther(egress, segment);
            left--;
        }

        egress.Counters.SendErrors += (uint)left;
        Frames.Free(frame);
    }

    private int FreeOwner()
    {
        int owner = 1;
        while (Array.Exists(_queues, queue => queue.Owner == owner))
        {
            owner++;
        }

        return owner;
    }
}
