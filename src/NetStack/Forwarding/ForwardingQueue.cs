using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>A queue pair of a port as the forwarding thread drives it: keeps it supplied with buffers, puts parts of frames together, gathers batches to send.</summary>
internal sealed class ForwardingQueue
{
    private readonly FramePool _frames;
    private readonly NetQueue _queue;
    private readonly bool _copies;
    private readonly int _owner;
    private readonly int _receiveDepth;
    private readonly int _maxUnderWay;
    private readonly NetReceived[] _received = new NetReceived[ForwardingPlane.BatchSize];
    private readonly NetBuffer[] _buffers = new NetBuffer[ForwardingPlane.BatchSize];
    private readonly int[] _waiting = new int[ForwardingPlane.BatchSize];
    private readonly NetFrame[] _batch = new NetFrame[ForwardingPlane.BatchSize];
    private readonly int[] _tags = new int[2 * ForwardingPlane.BatchSize];
    private readonly int _transmitDepth;
    private int _gathered;
    private int _underWay;
    private int _supplied;
    private bool _wasFull;
    private int _room;

    // A frame of which more is to come, its last part, and whether it is to be thrown away.
    private int _partial = FramePool.None;
    private int _partialLast;
    private bool _isSkipping;

    /// <param name="frames">Where buffers come from.</param>
    /// <param name="port">The port.</param>
    /// <param name="queue">The queue, which is this object's from here on.</param>
    /// <param name="options">How it was opened.</param>
    /// <param name="owner">A number of its own, from 1.</param>
    public ForwardingQueue(FramePool frames, ForwardingPort port, NetQueue queue, NetQueueOptions options, int owner)
    {
        _frames = frames;
        Port = port;
        _queue = queue;
        _copies = queue.CopiesFrames;
        _owner = owner;
        _receiveDepth = Math.Min(options.ReceiveDepth, queue.UsefulBuffers);
        _maxUnderWay = BuffersUnderWay(options);
        _room = _transmitDepth = options.TransmitDepth;
    }

    /// <summary>Its port.</summary>
    public ForwardingPort Port { get; }

    /// <summary>Its number among owners of buffers.</summary>
    public int Owner => _owner;

    /// <summary>Frames wait to be handed over.</summary>
    public bool HasBatch => _gathered != 0;

    /// <summary>At the end of the last turn it sent more slowly than it was given frames.</summary>
    public bool IsCongested { get; private set; }

    /// <summary>Most buffers that a queue has at a time: those for received frames, a frame of which more is to come, and what is being sent.</summary>
    public static int BuffersNeeded(NetQueueOptions options) => options.ReceiveDepth + FramePool.MaxParts + BuffersUnderWay(options);

    public void Listen(DoorbellWaiter waiter, int bit, Doorbell wake) => _queue.Listen(waiter, bit, wake);

    public long Arm() => _queue.Arm();

    /// <summary>Looks whether it is congested: not much room is left, by what was the most that it ever took. A queue whose link is down is not: what is for it goes nowhere anyhow.</summary>
    public bool CheckCongestion()
    {
        if (_wasFull)
        {
            _room = Math.Clamp(_underWay, 1, _transmitDepth);
        }
        else if (_underWay == 0)
        {
            _room = _transmitDepth;
        }

        IsCongested = (_wasFull || _underWay > _room - (_room / 4)) && Port.Info.IsLinkUp;
        _wasFull = false;
        return IsCongested;
    }

    /// <summary>Takes what arrived.</summary>
    /// <param name="frames">The frames, which are the thread's.</param>
    /// <param name="most">Most entries to take.</param>
    /// <param name="parts">How many buffers came back, if only with parts of frames.</param>
    /// <returns>How many frames.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public int Receive(Span<int> frames, int most, out int parts)
    {
        parts = _queue.Receive(_received.AsSpan(0, most));
        int count = 0;
        ulong bytes = 0;
        Span<FrameInfo> infos = _frames.Infos;
        foreach (ref readonly NetReceived received in _received.AsSpan(0, parts))
        {
            int frame = received.Tag;
            ref FrameInfo info = ref infos[frame];
            FramePool.TakeFrom(_owner, frame, ref info);
            int length = received.Length;
            if (!received.IsContinued && _partial == FramePool.None && !_isSkipping)
            {
                if ((uint)(length - Ethernet.HeaderLength) > FramePool.BufferLength - Ethernet.HeaderLength || (received.Offload.Flags & NetFrameFlags.Discarded) != 0)
                {
                    Port.Counters.ReceiveErrors++;
                    _frames.Free(frame);
                    continue;
                }

                info.PartLength = (ushort)length;
                info.Length = length;
                info.Offload = received.Offload;
            }
            else if (TryFinish(received, ref frame))
            {
                length = _frames[frame].Length;
            }
            else
            {
                continue;
            }

            bytes += (uint)length;
            frames[count++] = frame;
        }

        Port.Counters.ReceivedFrames += (uint)count;
        Port.Counters.ReceivedBytes += bytes;
        _supplied -= parts;
        return count;
    }

    /// <summary>Gives the queue buffers for what it gave back.</summary>
    public void Supply()
    {
        while (_supplied < _receiveDepth)
        {
            int count = 0;
            int wanted = Math.Min(_receiveDepth - _supplied, _buffers.Length);
            for (; count < wanted; count++)
            {
                int buffer = _frames.RentFor(_owner);
                if (buffer == FramePool.None)
                {
                    break;
                }

                _buffers[count] = new(_frames.Segment(buffer), buffer);
            }

            int taken = _queue.Supply(_buffers.AsSpan(0, count));
            _supplied += taken;
            for (int i = taken; i < count; i++)
            {
                TakeBack(_buffers[i].Tag);
            }

            if (taken < wanted)
            {
                break;
            }
        }
    }

    /// <summary>Adds a frame to the batch.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="info">What is known of it.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(int frame, in FrameInfo info)
    {
        if (_underWay + info.Parts > _maxUnderWay && !MakeRoom(info.Parts))
        {
            _wasFull = true;
            Port.Counters.QueueFull++;
            _frames.Free(frame);
            return;
        }

        _underWay += info.Parts;
        int[] waiting = _waiting;
        int gathered = _gathered;
        waiting[gathered] = frame;
        _gathered = ++gathered;
        if (gathered == waiting.Length)
        {
            Flush();
        }
    }

    /// <summary>Adds frames of one part each that ask for nothing, as long as there is room.</summary>
    /// <param name="frames">The frames.</param>
    /// <returns>How many of the first were added; the next one is not plain, or there is no room without more ado.</returns>
    public int Add(ReadOnlySpan<int> frames)
    {
        int count = 0;
        while (count < frames.Length)
        {
            if (_gathered == _waiting.Length)
            {
                Flush();
            }

            Span<FrameInfo> infos = _frames.Infos;
            Span<int> waiting = _waiting.AsSpan(_gathered);
            int most = Math.Min(Math.Min(frames.Length - count, waiting.Length), _maxUnderWay - _underWay);
            ReadOnlySpan<int> next = frames.Slice(count, Math.Max(most, 0));
            int added = 0;
            for (; added < next.Length; added++)
            {
                ref readonly FrameInfo info = ref infos[next[added]];
                if (!info.IsPlain)
                {
                    break;
                }

                waiting[added] = next[added];
            }

            if (added == 0)
            {
                break;
            }

            _underWay += added;
            _gathered += added;
            count += added;
        }

        return count;
    }

    /// <summary>Hands the batch over. What the queue has no room for is dropped.</summary>
    public void Flush()
    {
        Span<NetFrame> batch = _batch.AsSpan(0, _gathered);
        ulong bytes = Describe(batch);
        _gathered = 0;
        int taken = _queue.Transmit(batch);
        if (taken < batch.Length && !_copies)
        {
            Reclaim();
            taken += _queue.Transmit(batch[taken..]);
        }

        _wasFull |= taken < batch.Length;
        foreach (ref readonly NetFrame frame in batch[taken..])
        {
            bytes -= (uint)frame.Length;
        }

        Port.Counters.SentFrames += (uint)taken;
        Port.Counters.SentBytes += bytes;
        Port.Counters.QueueFull += (uint)(batch.Length - taken);
        if (_copies)
        {
            _underWay = 0;
            _frames.Free(_waiting.AsSpan(0, batch.Length));
            return;
        }

        foreach (ref readonly NetFrame frame in batch[taken..])
        {
            Complete(frame.Tag);
        }
    }

    /// <summary>Takes back what was sent.</summary>
    public void Reclaim()
    {
        while (_underWay != 0)
        {
            int count = _queue.Reclaim(_tags);
            for (int i = 0; i < count; i++)
            {
                Complete(_tags[i]);
            }

            if (count < _tags.Length)
            {
                break;
            }
        }
    }

    /// <summary>Closes the queue; all its buffers are free.</summary>
    public void Close()
    {
        if (_gathered != 0)
        {
            Flush();
        }

        _queue.Dispose();
        _frames.FreeAll(_owner);
        DropPartial();
    }

    private static int BuffersUnderWay(NetQueueOptions options) => Math.Max(2 * options.TransmitDepth, FramePool.MaxParts);

    /// <summary>Says of the frames that wait what the queue has to know, and hands them over where it keeps them.</summary>
    /// <returns>How many bytes they are.</returns>
    private ulong Describe(Span<NetFrame> batch)
    {
        ulong bytes = 0;
        Span<FrameInfo> infos = _frames.Infos;
        ReadOnlySpan<int> waiting = _waiting.AsSpan(0, batch.Length);
        for (int i = 0; i < batch.Length; i++)
        {
            int frame = waiting[i];
            ref FrameInfo info = ref infos[frame];
            if (!_copies)
            {
                FramePool.HandTo(_owner, frame, ref info);
            }

            ref NetFrame entry = ref batch[i];
            entry.Data = _frames.Scatter(frame, in info);
            entry.Length = info.Length;
            entry.Tag = frame;
            entry.Offload = info.Offload;
            bytes += (uint)info.Length;
        }

        return bytes;
    }

    private bool MakeRoom(int parts)
    {
        if (_gathered != 0)
        {
            Flush();
        }

        Reclaim();
        return _underWay + parts <= _maxUnderWay;
    }

    private void Complete(int frame)
    {
        _underWay -= _frames[frame].Parts;
        TakeBack(frame);
    }

    private void TakeBack(int frame)
    {
        FramePool.TakeFrom(_owner, frame, ref _frames[frame]);
        _frames.Free(frame);
    }

    /// <summary>Takes a part of a longer frame.</summary>
    /// <returns>The frame is whole.</returns>
    private bool TryFinish(in NetReceived received, ref int frame)
    {
        int part = frame;
        _frames[part].PartLength = (ushort)Math.Clamp(received.Length, 0, FramePool.BufferLength);
        if (received.IsContinued && received.Length != FramePool.BufferLength && !_isSkipping)
        {
            // Headers are in the first part, and there only if parts are full.
            Port.Counters.ReceiveErrors++;
            DropPartial();
            _isSkipping = true;
        }

        if (_isSkipping)
        {
            _frames.Free(part);
            _isSkipping = received.IsContinued;
            return false;
        }

        if (_partial == FramePool.None)
        {
            _partial = part;
            _frames[part].Length = _frames[part].PartLength;
        }
        else
        {
            _frames.Append(_partial, _partialLast, part);
        }

        _partialLast = part;
        ref FrameInfo info = ref _frames[_partial];
        if (received.IsContinued && info.Parts < FramePool.MaxParts)
        {
            return false;
        }

        if (received.IsContinued || info.PartLength < Ethernet.HeaderLength || (received.Offload.Flags & NetFrameFlags.Discarded) != 0)
        {
            Port.Counters.ReceiveErrors++;
            DropPartial();
            _isSkipping = received.IsContinued;
            return false;
        }

        info.Offload = received.Offload;
        frame = _partial;
        _partial = FramePool.None;
        return true;
    }

    private void DropPartial()
    {
        if (_partial != FramePool.None)
        {
            _frames.Free(_partial);
            _partial = FramePool.None;
        }
    }
}
