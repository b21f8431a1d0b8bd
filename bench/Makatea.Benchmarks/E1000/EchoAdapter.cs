using Makatea.Platform;
using Makatea.Tests.E1000;

namespace Makatea.Benchmarks.E1000;

/// <summary>
/// The device side in memory: a simulated controller until the rings are set up, and from then on one that touches nothing but descriptors, so that what is
/// measured is the driver.
/// </summary>
internal sealed class EchoAdapter : RegisterBus
{
    private const ulong ReceiveTail = 0x2818;
    private const ulong TransmitTail = 0x3818;
    private const int Descriptor = 16;
    private const int Second = 8;
    private const ulong Reports = 1UL << 27;
    private const ulong Done = 1UL << 32;

    private readonly SimulatedAdapter _control;
    private readonly SimulatedDmaSpace _dma;
    private readonly bool _is82574;
    private bool _isDirect;
    private SharedMemory _transmit;
    private SharedMemory _receive;
    private uint _transmitHead;
    private uint _transmitTail;
    private uint _receiveHead;
    private uint _receiveTail;

    public EchoAdapter(bool is82574, SimulatedDmaSpace dma)
    {
        _is82574 = is82574;
        _dma = dma;
        _control = new(is82574, dma);
    }

    /// <summary>The rings are set up: nothing but tails is written from here on.</summary>
    public void Begin()
    {
        _transmit = Ring(0x3800);
        _receive = Ring(0x2800);
        _transmitTail = _transmitHead = (uint)_control[0x3818];
        _receiveTail = (uint)_control[0x2818];
        _isDirect = true;
    }

    /// <summary>The driver is to end.</summary>
    public void End() => _isDirect = false;

    public override ulong Read(ulong address, int width) => _control.Read(address, width);

    public override void Write(ulong address, int width, ulong value)
    {
        if (!_isDirect)
        {
            _control.Write(address, width, value);
        }
        else if (address == TransmitTail)
        {
            _transmitTail = (uint)value;
        }
        else if (address == ReceiveTail)
        {
            _receiveTail = (uint)value;
        }
    }

    /// <summary>Takes all descriptors that there are, and reports on those that ask for it.</summary>
    public void Transmit()
    {
        uint mask = (uint)(_transmit.Length / Descriptor) - 1;
        for (; _transmitHead != _transmitTail; _transmitHead = (_transmitHead + 1) & mask)
        {
            ulong second = _transmit.AcquireUInt64((_transmitHead * Descriptor) + Second);
            if ((second & Reports) != 0)
            {
                _transmit.ReleaseUInt64((_transmitHead * Descriptor) + Second, second | Done);
            }
        }
    }

    /// <summary>Says that frames of one length came into the next buffers.</summary>
    /// <param name="second">The second word of each descriptor.</param>
    /// <param name="count">How many; there are as many buffers.</param>
    public void Receive(ulong second, int count)
    {
        uint mask = (uint)(_receive.Length / Descriptor) - 1;
        if (((_receiveTail - _receiveHead) & mask) < (uint)count)
        {
            throw new InvalidOperationException("there are not enough buffers");
        }

        for (int i = 0; i < count; i++)
        {
            _receive.ReleaseUInt64((_receiveHead * Descriptor) + Second, second);
            _receiveHead = (_receiveHead + 1) & mask;
        }
    }

    /// <summary>The second word of a receive descriptor of a whole frame whose checksums are right.</summary>
    public ulong Received(int length) => _control.Compose(length, status: 0x23);

    private SharedMemory Ring(int register)
    {
        ulong iova = _control[register] | ((ulong)_control[register + 4] << 32);
        return _dma.TryReach(iova, (int)_control[register + 8], out MemorySegment ring)
            ? new(ring)
            : throw new InvalidOperationException($"the ring at 0x{iova:x} is not mapped");
    }
}
