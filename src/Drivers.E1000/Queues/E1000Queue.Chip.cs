using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>A queue pair: a transmit and a receive ring behind the gate that keeps its thread out of a reset.</summary>
internal sealed class E1000Queue<TChip> : E1000Queue
    where TChip : struct, IChip
{
    private readonly TransmitRing<TChip> _transmit;
    private readonly ReceiveRing<TChip> _receive;
    private readonly QueueInterrupt _interrupt;
    private uint _positionAtArm;

    public E1000Queue(E1000Port port, int index, NetQueueOptions options)
        : base(port, index, options)
    {
        ulong offset = (ulong)index * Register.RingStride;
        RegisterSpace registers = port.Adapter.Registers;
        _interrupt = port.CreateInterrupt(index);
        _transmit = new(port.Dma, registers.Slice(Register.TransmitRing + offset, Register.RingStride), options.TransmitDepth, port.Adapter.MaxFrame);
        try
        {
            int used = ReceiveBufferSize.Choose(options.ReceiveBufferLength).Length;
            _receive = new(port.Dma, registers.Slice(Register.ReceiveRing + offset, Register.RingStride), options.ReceiveDepth, options.ReceiveBufferLength, used, port.Adapter.MaxFrame);
        }
        catch
        {
            _transmit.Dispose();
            throw;
        }
    }

    public override Doorbell? Events => _interrupt.Doorbell;

    public override int Transmit(ReadOnlySpan<NetFrame> frames)
    {
        try
        {
            return Gate.Enter() switch
            {
                AdapterState.Running => _transmit.Transmit(frames),
                AdapterState.Resetting => 0,
                _ => _transmit.Drop(frames),
            };
        }
        finally
        {
            Gate.Exit();
        }
    }

    public override int Reclaim(Span<int> tags)
    {
        try
        {
            return Gate.Enter() == AdapterState.Resetting ? 0 : _transmit.Reclaim(tags);
        }
        finally
        {
            Gate.Exit();
        }
    }

    public override int Supply(ReadOnlySpan<NetBuffer> buffers)
    {
        try
        {
            return Gate.Enter() is AdapterState.Resetting or AdapterState.Gone ? 0 : _receive.Supply(buffers);
        }
        finally
        {
            Gate.Exit();
        }
    }

    public override int Receive(Span<NetReceived> frames)
    {
        try
        {
            return Gate.Enter() == AdapterState.Resetting ? 0 : _receive.Receive(frames);
        }
        finally
        {
            Gate.Exit();
        }
    }

    public override long Arm()
    {
        try
        {
            int state = Gate.Enter();
            if (state == AdapterState.Resetting)
            {
                return _interrupt.Soon();
            }

            // Armed first and looked at then: what the controller finished in between is seen here, and what it finishes from now on rings.
            uint position = _transmit.Position + _receive.Position;
            long deadline = state == AdapterState.Gone ? DoorbellWaiter.Forever : _interrupt.Arm(wasIdle: position == _positionAtArm);
            _positionAtArm = position;
            return _transmit.HasWork || _receive.HasWork ? BlockQueue.Ready : deadline;
        }
        finally
        {
            Gate.Exit();
        }
    }

    public override void Start()
    {
        _transmit.Start();
        _receive.Start();
    }

    public override void Publish() => _receive.Publish();

    public override void DropAll() => _transmit.DropAll();

    public override void Stop()
    {
        _transmit.Stop();
        _receive.Stop();
    }

    public override bool IsTransmitStuck() => _transmit.IsStuck();

    public override bool IsReceiveIdle() => _receive.IsIdle();

    public override NetStatistics ReadStatistics()
    {
        NetStatistics sent = _transmit.ReadStatistics();
        NetStatistics received = _receive.ReadStatistics();
        return received with
        {
            TransmittedFrames = sent.TransmittedFrames,
            TransmittedBytes = sent.TransmittedBytes,
            TransmitErrors = sent.TransmitErrors,
            CopiedFrames = sent.CopiedFrames + received.CopiedFrames,
        };
    }

    public override void Free()
    {
        _transmit.Dispose();
        _receive.Dispose();
    }
}
