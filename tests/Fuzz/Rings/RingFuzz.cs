using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Fuzz.Rings;

/// <summary>
/// Fuzzes the device's side of a ring. In a third of the sessions the driver keeps to the rules, and every buffer has to come back once; in the others it
/// does anything to the ring's memory, in some of them from another thread at the same time, and the device has to stay within what was granted.
/// </summary>
public sealed class RingFuzz<TRing, TDevice, TDriver> : IFuzzTarget
    where TRing : struct, IFuzzedRing<TDevice>
    where TDevice : struct, IDeviceRing, IDisposable
    where TDriver : struct, IDriverRing<TDriver>
{
    private const int MaxSegments = 16;
    private const int MaxHeld = 256;
    private const int InflightHeader = 32;
    private const int WarmUp = 20;

    private readonly RingMemoryBed _bed = new();
    private readonly MemorySegment[] _segments = new MemorySegment[MaxSegments];
    private readonly List<(DescriptorChain Chain, uint Token)> _held = [];
    private readonly GuestSegment[] _elements = new GuestSegment[MaxSegments];
    private readonly HashSet<uint> _outstanding = [];
    private readonly long[] _faults = new long[Enum.GetValues<RingFault>().Length];
    private readonly Scribbler _scribbler = new();
    private DriverRingSetup _setup = null!;
    private MemorySegment? _inflight;
    private TDevice _device;
    private TDriver _driver;
    private FuzzInput _input = null!;
    private bool _hostile;
    private uint _token;
    private long _popped;
    private long _allocated;
    private int _sessions;

    /// <inheritdoc/>
    public string Name => $"ring-{TRing.Name}";

    /// <inheritdoc/>
    public string Unit => "operations";

    /// <inheritdoc/>
    public int MaxInput => 2048;

    /// <inheritdoc/>
    public string Coverage => $"{_popped} popped, faults: "
        + string.Join(", ", Enum.GetValues<RingFault>().Where(f => f != RingFault.None).Select(f => $"{f} {_faults[(int)f]}"));

    /// <summary>Number of sessions that ended with each fault.</summary>
    public IReadOnlyList<long> Faults => _faults;

    /// <inheritdoc/>
    public long Run(FuzzInput input)
    {
        _input = input;
        Start();
        long operations = 0;
        try
        {
            while (!input.IsAtEnd)
            {
                Step(input.Byte());
                operations++;
                FuzzException.ThrowUnless(_hostile || _device.Fault == RingFault.None, $"the device found {_device.Fault} with a driver that keeps the rules");
            }
        }
        finally
        {
            _scribbler.Stop();
        }

        _faults[(int)_device.Fault]++;
        if (!_hostile)
        {
            Finish();
        }

        // The runtime itself allocates for what it compiles and initialises in the first sessions.
        FuzzException.ThrowUnless(++_sessions <= WarmUp || _allocated == 0, $"the device allocated {_allocated} bytes");
        _device.Dispose();
        return operations;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _scribbler.Dispose();
        _bed.Dispose();
    }

    private void Start()
    {
        ulong features = TRing.Feature | VirtioFeatures.Version1;
        byte choice = _input.Byte();
        features |= (choice & 1) != 0 ? VirtioFeatures.EventIndex : 0;
        features |= (choice & 2) != 0 ? VirtioFeatures.IndirectDescriptors : 0;
        features |= (choice & 12) == 12 ? VirtioFeatures.InOrder : 0;
        int indirect = (choice & 0x12) == 0x12 ? RingMemoryBed.MaxIndirect : 0;
        _hostile = _input.Byte() % 3 != 0;
        ushort size = _input.Pick(TRing.Sizes);
        _setup = _bed.Ring(size, features, indirect, TRing.InflightSize(size), out GuestBuffer inflight);
        _inflight = (choice & 0x60) == 0x60 ? inflight.Segment : null;
        _held.Clear();
        _outstanding.Clear();
        _token = 0;
        _allocated = 0;
        _driver = TDriver.Create(_setup);
        _device = TRing.CreateDevice(DeviceSetup(RingPosition.Start));
        if (_hostile && _input.OneIn(16))
        {
            _scribbler.Start([_setup.Areas.Descriptors, _setup.Areas.Driver, _bed.Table], _input.UInt32());
        }
    }

    private QueueSetup DeviceSetup(RingPosition position)
    {
        QueueSetup setup = _setup.Areas.ToQueueSetup(_bed.Memory, _setup.Features, _bed.Host);
        return new QueueSetup
        {
            Index = 0,
            Size = setup.Size,
            Features = setup.Features,
            Memory = setup.Memory,
            DescriptorArea = setup.DescriptorArea,
            DriverArea = setup.DriverArea,
            DeviceArea = setup.DeviceArea,
            Position = position,
            Inflight = _inflight,
            Host = setup.Host,
        };
    }

    private void Step(byte operation)
    {
        switch (operation % 16)
        {
            case 0 or 1 or 2:
                AddValid();
                break;
            case 3:
                _driver.Publish();
                break;
            case 4 or 5 when _hostile:
                OfferHostile();
                break;
            case 6 when _hostile:
                Poke();
                break;
            case 7 when _hostile:
                WriteHostileTable();
                break;
            case 8 when _hostile && _input.OneIn(64):
                _device.Break(RingFault.RequestTooShort);
                break;
            case 9 when _input.OneIn(_device.Fault == RingFault.None ? 8 : 2):
                Restart();
                break;
            case 10 or 11:
                PushAndPublish();
                break;
            case 12:
                Notifications();
                break;
            case 13:
                Collect();
                break;
            default:
                Pop(1 + _input.Below(4));
                break;
        }
    }

    private void AddValid()
    {
        int count = 1 + _input.Below(4);
        int readable = _input.Below(count + 1);
        for (int i = 0; i < count; i++)
        {
            int offset = _input.UInt16() % (_bed.Data.Length - 256);
            _elements[i] = new GuestSegment(_bed.Data.Address + (uint)offset, 1u + _input.Byte());
        }

        _driver.UseIndirect = _setup.MaxIndirectSegments != 0 && !_input.OneIn(4);
        if (_driver.TryAdd(_elements.AsSpan(0, count), readable, _token))
        {
            _outstanding.Add(_token++);
        }

        if (!_input.OneIn(4))
        {
            _driver.Publish();
        }
    }

    private void OfferHostile()
    {
        VirtqDescriptorFlags flags = (VirtqDescriptorFlags)(_input.Byte() & 7);
        ulong address = _bed.Address(_input);
        uint length = RingMemoryBed.Length(_input);
        if ((flags & VirtqDescriptorFlags.Indirect) != 0 && !_input.OneIn(4))
        {
            address = _bed.Table.Address;
            length = 16u * (_input.OneIn(2) ? WriteGoodTable() : WriteHostileTable());
        }

        TRing.Offer(_setup.Areas, _input, _device.Position, address, length, flags);
    }

    /// <returns>Number of descriptors written.</returns>
    private uint WriteHostileTable()
    {
        SharedMemory table = _bed.Table.AsShared();
        uint count = 1 + (_input.Byte() & 31u);
        for (uint i = 0; i < count; i++)
        {
            VirtqDescriptorFlags flags = (VirtqDescriptorFlags)(_input.Byte() % 4) | (_input.OneIn(16) ? VirtqDescriptorFlags.Indirect : 0);
            ushort next = _input.OneIn(8) ? _input.UInt16() : (ushort)(i + 1);
            TRing.WriteTableEntry(table, i, _bed.Address(_input), RingMemoryBed.Length(_input), flags, next);
        }

        return count;
    }

    /// <summary>A table with nothing wrong but perhaps its length.</summary>
    /// <returns>Number of descriptors written.</returns>
    private uint WriteGoodTable()
    {
        SharedMemory table = _bed.Table.AsShared();
        uint count = 1 + (_input.Byte() & 31u);
        uint readable = _input.Byte() & 31u;
        for (uint i = 0; i < count; i++)
        {
            VirtqDescriptorFlags flags = (i >= readable ? VirtqDescriptorFlags.Write : 0) | (i + 1 < count ? VirtqDescriptorFlags.Next : 0);
            TRing.WriteTableEntry(table, i, _bed.Data.Address + 4096 + _input.Byte(), 1u + _input.Byte(), flags, (ushort)(i + 1));
        }

        return count;
    }

    /// <summary>Writes any value anywhere into the ring or what belongs to it.</summary>
    private void Poke()
    {
        GuestBuffer where = (_input.Byte() % 6) switch
        {
            0 => _setup.Areas.Driver,
            1 => _setup.Areas.Device,
            2 => _bed.Table,
            3 when _setup.IndirectTables is GuestBuffer tables => tables,
            4 when _inflight is MemorySegment inflight => new GuestBuffer(0, inflight),
            _ => _setup.Areas.Descriptors,
        };
        ulong value = _input.OneIn(2) ? _input.Odd() : _input.Byte();
        int offset = _input.UInt16();

        // What a restart believes is at the start of the in-flight region.
        offset %= _inflight is not null && where.Segment.Address == _inflight.Value.Address && offset >= 0x8000 ? InflightHeader : where.Length;
        if (_input.OneIn(2))
        {
            where.Segment.WriteByte(offset, (byte)value);
            return;
        }

        offset &= ~1;
        where.AsShared().ReleaseUInt16((nuint)Math.Min(offset, where.Length - 2), (ushort)value);
    }

    private void Pop(int count)
    {
        for (int i = 0; i < count && _held.Count < MaxHeld; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            PopResult result = _device.TryPop(_segments, out DescriptorChain chain);
            _allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            if (result != PopResult.Popped)
            {
                FuzzException.ThrowUnless(
                    (result == PopResult.Broken) == (_device.Fault != RingFault.None), $"{result} with fault {_device.Fault}");
                return;
            }

            FuzzException.ThrowUnless(_device.Fault == RingFault.None, $"popped with fault {_device.Fault}");
            FuzzException.ThrowUnless(_device.Outstanding <= _setup.Areas.Size, $"{_device.Outstanding} buffers are out of a ring of {_setup.Areas.Size}");
            Touch(chain);
            _held.Add((chain, 0));
            _popped++;
        }
    }

    /// <summary>Uses the memory as a device would; a guard page ends the process where it was not granted.</summary>
    private void Touch(in DescriptorChain chain)
    {
        int count = chain.Readable + chain.Writable;
        FuzzException.ThrowUnless(count is > 0 and <= MaxSegments, $"a chain of {count} segments");
        ulong readable = 0;
        ulong writable = 0;
        for (int i = 0; i < count; i++)
        {
            MemorySegment segment = _segments[i];
            bool write = i >= chain.Readable;
            FuzzException.ThrowUnless(
                segment.Length > 0 && _bed.Memory.TryFindGuestAddress(segment, out ulong address)
                    && _bed.Memory.TryFindWindow(address, out GuestMemoryWindow window)
                    && window.BytesFrom(address) >= (ulong)segment.Length
                    && (window.Access & (write ? MemoryAccess.Write : MemoryAccess.Read)) != 0,
                $"segment {i} of {chain.Readable} + {chain.Writable}, {segment}, was not granted");
            Span<byte> bytes = segment.AsSpan();
            byte last = bytes[^1];
            if (write)
            {
                writable += (ulong)segment.Length;
                if (!_hostile)
                {
                    bytes[0] = bytes[^1] = (byte)~last;
                }
                else if (_input.OneIn(4))
                {
                    // The ring itself may be the buffer.
                    bytes[0] = _input.Byte();
                }
            }
            else
            {
                readable += (ulong)segment.Length;
            }
        }

        FuzzException.ThrowUnless(
            readable == chain.ReadableBytes && writable == chain.WritableBytes,
            $"{readable} and {writable} bytes in segments, {chain.ReadableBytes} and {chain.WritableBytes} said");
    }

    private void PushAndPublish()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int count = _input.Below(8); count > 0 && _held.Count != 0; count--)
        {
            int which = _input.Byte() % _held.Count;
            DescriptorChain chain = _held[which].Chain;
            _held[which] = _held[^1];
            _held.RemoveAt(_held.Count - 1);
            _device.Push(chain, chain.WritableBytes);
        }

        if (!_input.OneIn(4))
        {
            _device.Publish();
        }

        _allocated += GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private void Notifications()
    {
        byte which = _input.Byte();
        long before = GC.GetAllocatedBytesForCurrentThread();
        if ((which & 1) != 0)
        {
            _device.EnableNotifications();
        }
        else
        {
            _device.DisableNotifications();
        }

        _allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        if ((which & 2) != 0)
        {
            _driver.DisableCallbacks();
        }
        else if (!_hostile)
        {
            _driver.EnableCallbacks();
        }
    }

    private void Collect()
    {
        try
        {
            while (_driver.TryGetUsed(out uint token, out _))
            {
                FuzzException.ThrowUnless(_outstanding.Remove(token) || _hostile, $"buffer {token} came back twice");
            }
        }
        catch (DeviceMisbehavedException) when (_hostile)
        {
            // The ring was scribbled on: what the device says in it means nothing.
        }
    }

    /// <summary>The device stops and goes on, dies and is replaced, or the queue is reset.</summary>
    private void Restart()
    {
        RingPosition position = _device.Position;
        if (_inflight is not null)
        {
            _held.Clear();
        }
        else if (_input.OneIn(2) || _hostile)
        {
            _scribbler.Stop();
            position = RingPosition.Start;
            _setup.Areas.Clear();
            _held.Clear();
            _outstanding.Clear();
            _driver = TDriver.Create(_setup);
        }
        else
        {
            while (_held.Count != 0)
            {
                _device.Push(_held[0].Chain, 0);
                _held.RemoveAt(0);
            }

            _device.Publish();
            position = _device.Position;
        }

        _faults[(int)_device.Fault]++;
        _device.Dispose();
        _device = TRing.CreateDevice(DeviceSetup(position));
    }

    /// <summary>Everything that a driver which keeps the rules added has to come back.</summary>
    private void Finish()
    {
        _driver.Publish();
        do
        {
            foreach ((DescriptorChain chain, _) in _held)
            {
                _device.Push(chain, 0);
            }

            _held.Clear();
            _device.Publish();
            Collect();
            Pop(MaxHeld);
        }
        while (_held.Count != 0);
        FuzzException.ThrowUnless(_outstanding.Count == 0, $"{_outstanding.Count} buffers did not come back");
    }
}
