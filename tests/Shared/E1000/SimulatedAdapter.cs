using Makatea.Platform;

namespace Makatea.Tests.E1000;

/// <summary>
/// A controller simulated in memory: what a driver's own logic and faults are tested with. What real ones do with frames is the business of models that were written by others.
/// Written from the manuals and not with the driver's tables of registers, so that a slip there shows.
/// </summary>
internal sealed class SimulatedAdapter : RegisterBus
{
    public const ulong RegisterLength = 0x20000;

    private const int Ctrl = 0x0;
    private const int Status = 0x8;
    private const int Eerd = 0x14;
    private const int Mdic = 0x20;
    private const int Icr = 0xc0;
    private const int Ims = 0xd0;
    private const int Imc = 0xd8;
    private const int Rctl = 0x100;
    private const int Tctl = 0x400;
    private const uint CtrlReset = 1 << 26;
    private const uint LinkUp = 2;

    private readonly uint[] _registers = new uint[RegisterLength / 4];
    private readonly SimulatedDmaSpace _dma;
    private readonly bool _is82574;
    private readonly Lock _lock = new();

    public SimulatedAdapter(bool is82574, SimulatedDmaSpace dma)
    {
        _is82574 = is82574;
        _dma = dma;
        Eeprom = [0x5452, 0x1200, 0x5634, .. new ushort[61]];
        Eeprom[63] = (ushort)(0xbaba - Eeprom.Sum(w => w));
        _registers[Status / 4] = LinkUp | (2 << 6) | 1;
    }

    /// <summary>The NVM, 64 words.</summary>
    public ushort[] Eeprom { get; }

    /// <summary>Frames that were sent, each as its pieces.</summary>
    public List<SentFrame> Sent { get; } = [];

    /// <summary>Writes to registers, in order.</summary>
    public List<(ulong Register, uint Value)> Writes { get; } = [];

    /// <summary>Takes no descriptor any more.</summary>
    public bool IsStuck { get; set; }

    /// <summary>What every register reads as, for a controller that is gone.</summary>
    public uint? Missing { get; set; }

    /// <summary>Never comes out of reset.</summary>
    public bool StaysInReset { get; set; }

    /// <summary>Times that it was reset.</summary>
    public int Resets { get; private set; }

    public bool HasLink
    {
        get => (_registers[Status / 4] & LinkUp) != 0;
        set
        {
            lock (_lock)
            {
                _registers[Status / 4] = value ? _registers[Status / 4] | LinkUp : _registers[Status / 4] & ~LinkUp;
                _registers[Icr / 4] |= 4;
            }
        }
    }

    /// <summary>A register as the controller has it, without the side effects of a read.</summary>
    public uint this[int register]
    {
        get => _registers[register / 4];
        set => _registers[register / 4] = value;
    }

    public override ulong Read(ulong address, int width)
    {
        lock (_lock)
        {
            if (width != 4)
            {
                throw new InvalidOperationException($"a read of {width} bytes at 0x{address:x}");
            }

            if (Missing is { } missing)
            {
                return missing;
            }

            uint value = _registers[address / 4];
            if (address is Icr or (>= 0x4000 and < 0x4100))
            {
                _registers[address / 4] = 0;
            }

            return value;
        }
    }

    public override void Write(ulong address, int width, ulong value)
    {
        lock (_lock)
        {
            Writes.Add((address, (uint)value));
            if (Missing is null)
            {
                Store((int)address, (uint)value);
            }
        }
    }

    /// <summary>Writes a frame into the next buffers of a queue, as a controller does that was told to receive.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="status">Further status in bits 7:0, errors in bits 31:24.</param>
    /// <param name="vlan">A VLAN tag that was taken out.</param>
    /// <returns>False where there are not enough buffers, which is counted.</returns>
    public bool Receive(ReadOnlySpan<byte> frame, int queue = 0, uint status = 0, ushort vlan = 0)
    {
        lock (_lock)
        {
            int size = BufferSize();
            int parts = Math.Max(1, (frame.Length + size - 1) / size);
            int ring = 0x2800 + (queue * 0x100);
            int count = (int)_registers[(ring + 8) / 4] / 16;
            if ((_registers[Rctl / 4] & 2) == 0 || count == 0 || ((int)_registers[(ring + 0x18) / 4] - (int)_registers[(ring + 0x10) / 4] + count) % count < parts)
            {
                _registers[0x4010 / 4]++;
                return false;
            }

            for (int i = 0; i < parts; i++)
            {
                ReadOnlySpan<byte> part = frame.Slice(i * size, Math.Min(size, frame.Length - (i * size)));
                ulong iova = ReadDescriptor(ring, out _).First;
                if (_dma.TryReach(iova, size, out MemorySegment memory))
                {
                    part.CopyTo(memory.AsSpan());
                }

                uint last = i == parts - 1 ? 2 | status : 0;
                Complete(queue, Compose(part.Length, 1 | last, vlan));
            }

            _registers[Icr / 4] |= 0x80;
            return true;
        }
    }

    /// <summary>The second word of a receive descriptor.</summary>
    public ulong Compose(int length, uint status, ushort vlan = 0) => _is82574
        ? status | ((ulong)(ushort)length << 32) | ((ulong)vlan << 48)
        : (ushort)length | ((ulong)(byte)status << 32) | ((ulong)(byte)(status >> 24) << 40) | ((ulong)vlan << 48);

    /// <summary>Writes the next receive descriptor of a queue with anything at all.</summary>
    public void Complete(int queue, ulong second)
    {
        int ring = 0x2800 + (queue * 0x100);
        ReadDescriptor(ring, out MemorySegment descriptor);
        if (_is82574)
        {
            // Extended descriptors are written over as a whole.
            descriptor.AsSpan()[..8].Fill(0xee);
        }

        new SharedMemory(descriptor).ReleaseUInt64(8, second);
        Advance(ring);
    }

    private void Store(int address, uint value)
    {
        switch (address)
        {
            case Ctrl when (value & CtrlReset) != 0:
                Reset();
                break;
            case Status or (>= 0x4000 and < 0x4100):
                break;
            case Eerd:
                int index = (int)(_is82574 ? (value >> 2) & 0x3fff : (value >> 8) & 0xff);
                uint done = _is82574 ? 2u : 16;
                _registers[Eerd / 4] = index < Eeprom.Length ? (value & ~1u) | done | ((uint)Eeprom[index] << 16) : value;
                break;
            case Mdic:
                _registers[Mdic / 4] = (value & 0xffff0000) | 0x10001000;
                break;
            case Icr:
                _registers[Icr / 4] &= ~value;
                break;
            case Ims:
                _registers[Ims / 4] |= value;
                break;
            case Imc:
                _registers[Ims / 4] &= ~value;
                break;
            default:
                _registers[address / 4] = value;
                if (address is 0x3818 or 0x3918)
                {
                    Transmit(address - 0x18);
                }

                break;
        }
    }

    private void Reset()
    {
        uint status = _registers[Status / 4];
        uint missed = _registers[0x4010 / 4];
        Array.Clear(_registers);
        _registers[Status / 4] = status;
        _registers[0x4010 / 4] = missed;
        _registers[Ctrl / 4] = StaysInReset ? CtrlReset : 1;
        Resets++;
    }

    private void Transmit(int ring)
    {
        while ((_registers[Tctl / 4] & 2) != 0 && !IsStuck && _registers[(ring + 0x10) / 4] != _registers[(ring + 0x18) / 4])
        {
            (ulong first, ulong second) = ReadDescriptor(ring, out MemorySegment descriptor);
            Open.Descriptors.Add((first, second));
            if ((second & (1UL << 20)) != 0)
            {
                bool isReached = _dma.TryReach(first, (int)(second & 0xfffff), out MemorySegment data);
                Open.Pieces.Add(isReached ? data.AsSpan().ToArray() : []);
                if ((second & (1UL << 24)) != 0)
                {
                    Sent.Add(Open);
                    Open = new();
                }
            }

            if ((second & (1UL << 27)) != 0)
            {
                new SharedMemory(descriptor).ReleaseUInt64(8, second | (1UL << 32));
            }

            Advance(ring);
        }
    }

    private SentFrame Open { get; set; } = new();

    private (ulong First, ulong Second) ReadDescriptor(int ring, out MemorySegment descriptor)
    {
        ulong base64 = _registers[ring / 4] | ((ulong)_registers[(ring + 4) / 4] << 32);
        return _dma.TryReach(base64 + (_registers[(ring + 0x10) / 4] * 16), 16, out descriptor)
            ? (descriptor.ReadUInt64(0), descriptor.ReadUInt64(8))
            : throw new InvalidOperationException($"the ring at 0x{base64:x} is not mapped");
    }

    private void Advance(int ring) => _registers[(ring + 0x10) / 4] = (_registers[(ring + 0x10) / 4] + 1) % (_registers[(ring + 8) / 4] / 16);

    private int BufferSize()
    {
        uint rctl = _registers[Rctl / 4];
        int shift = (int)((rctl >> 16) & 3);
        return (rctl & (1 << 25)) != 0 ? 32768 >> shift : 2048 >> shift;
    }
}

/// <summary>A frame that the simulated controller sent: its descriptors, with the context before it if there was one, and its bytes by descriptor.</summary>
internal sealed class SentFrame
{
    public List<(ulong First, ulong Second)> Descriptors { get; } = [];

    public List<byte[]> Pieces { get; } = [];

    public byte[] Bytes => [.. Pieces.SelectMany(p => p)];
}
