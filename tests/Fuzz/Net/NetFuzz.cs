using System.Buffers.Binary;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Net;
using Makatea.Virtio.Testing;

namespace Makatea.Fuzz.Net;

/// <summary>
/// Fuzzes virtio-net as a hostile driver sees it: frames with headers of any kind, receive buffers of any shape, descriptors that point anywhere, and commands. What is well-formed has to arrive byte for
/// byte, both ways; what arrives has metadata that a stack may trust; nothing is written but what the device was given to write.
/// </summary>
public sealed class NetFuzz : IFuzzTarget
{
    private const int RingSize = 64;
    private const int Mtu = 1500;
    private const int Slots = 32;
    private const int SlotLength = 4096;
    private const int LongIndirect = 1100;
    private const int BufferLength = 2048;
    private const int ReceiveDepth = 96;
    private const int ReceiveRing = 0;
    private const int SendRing = 1;
    private const int ControlRing = 2;
    private const ulong Csum = 1, GuestCsum = 2, Mergeable = 1 << 15, HashReport = 1ul << 57;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly LinuxHost _host = new();
    private readonly GuestArena _arena;
    private readonly GuestBuffer _sendData;
    private readonly GuestBuffer _receiveData;
    private readonly GuestBuffer _command;
    private readonly VirtioNetDevice _device;
    private readonly NativeArray<byte> _memory = new(ReceiveDepth * BufferLength);
    private readonly NativeArray<byte> _frame = new(FuzzedFrame.MaxLength);
    private readonly NativeArray<MemorySegment> _pieces = new(4);
    private readonly Dictionary<(bool, int), DriverRingSetup> _rings = [];
    private readonly FuzzedFrame[] _sent = [.. Enumerable.Range(0, Slots).Select(_ => new FuzzedFrame())];
    private readonly FuzzedFrame _given = new();
    private readonly byte[] _expectedSend;
    private readonly List<(uint Start, int Length)> _supplied = [];
    private readonly NetReceived[] _parts = new NetReceived[32];
    private readonly List<byte> _gathered = [];
    private readonly NetBuffer[] _one = new NetBuffer[1];
    private readonly GuestSegment[] _segments = new GuestSegment[LongIndirect];
    private NetQueue? _queue;
    private long _arrived, _dropped, _delivered, _accepted, _refused, _broken;

    /// <summary>Makes the device.</summary>
    public NetFuzz()
    {
        _arena = new GuestArena(_host, new GuestRange(0x10_0000, 16 << 20));
        _sendData = _arena.Allocate(Slots * FuzzedFrame.MaxLength, 4096);
        _receiveData = _arena.Allocate(Slots * SlotLength, 4096);
        _command = _arena.Allocate(8192, 4096);
        _expectedSend = new byte[_sendData.Length];
        _device = new VirtioNetDevice(new VirtioNetOptions { Name = "fuzz", Address = new(0x5254_0012_3456), MaxQueueSize = RingSize, Mtu = Mtu });
    }

    /// <inheritdoc/>
    public string Name => "net";

    /// <inheritdoc/>
    public string Unit => "operations";

    /// <inheritdoc/>
    public int MaxInput => 4096;

    /// <inheritdoc/>
    public string Coverage => $"frames arrived {_arrived}, dropped {_dropped}, delivered {_delivered}; commands accepted {_accepted}, refused {_refused}; rings broken {_broken}";

    /// <inheritdoc/>
    public long Run(FuzzInput input)
    {
        byte choice = input.Byte();
        ulong features = _device.Features & ~(VirtioFeatures.PackedRing | VirtioFeatures.InOrder | HashReport);
        features |= (choice & 1) != 0 ? VirtioFeatures.PackedRing : 0;
        features |= (choice & 12) == 12 ? VirtioFeatures.InOrder : 0;
        features |= (choice & 48) == 48 ? HashReport : 0;
        features &= (choice & 2) != 0 ? ~VirtioFeatures.EventIndex : ~0ul;
        features &= (choice & 64) != 0 ? ~Mergeable : ~0ul;
        if (input.OneIn(6))
        {
            // Nothing may be left to either side.
            features &= ~((Csum | (1ul << 11) | (1ul << 12) | (1ul << 13) | (1ul << 56)) | (GuestCsum | (1ul << 7) | (1ul << 8) | (1ul << 9) | (1ul << 54) | (1ul << 55)));
        }

        _device.Reset();
        _device.AcceptFeatures(features);
        return (features & VirtioFeatures.PackedRing) != 0 ? Serve<PackedDriverRing>(features, input) : Serve<SplitDriverRing>(features, input);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _device.Dispose();
        _arena.Dispose();
        _memory.Dispose();
        _frame.Dispose();
        _pieces.Dispose();
    }

    private long Serve<TRing>(ulong features, FuzzInput input)
        where TRing : struct, IDriverRing<TRing>
    {
        using Doorbell kick = _host.CreateDoorbell();
        using Doorbell controlKick = _host.CreateDoorbell();
        DriverRingSetup[] setups = [.. Enumerable.Range(0, 3).Select(i => Setup(i, features))];
        QueueWorker[] workers = [.. Enumerable.Range(0, 3).Select(i => _device.CreateWorker(new QueueSetup
        {
            Index = i,
            Size = RingSize,
            Features = features,
            Memory = _arena.Memory,
            DescriptorArea = setups[i].Areas.Descriptors.Segment,
            DriverArea = setups[i].Areas.Driver.Segment,
            DeviceArea = setups[i].Areas.Device.Segment,
            Kick = i == ControlRing ? controlKick : kick,
            Host = _host,
        }))];
        foreach (QueueWorker worker in workers)
        {
            worker.Start();
        }

        // From here on this is the thread that forwards, so nothing else may ask it for anything.
        _queue = _device.Port.OpenQueue(0, new NetQueueOptions { ReceiveDepth = ReceiveDepth, TransmitDepth = 8, ReceiveBufferLength = BufferLength });
        long done = 0;
        try
        {
            for (int i = 0; i < ReceiveDepth; i++)
            {
                Supply(i);
            }

            TRing send = TRing.Create(setups[SendRing]);
            TRing receive = TRing.Create(setups[ReceiveRing]);
            TRing control = TRing.Create(setups[ControlRing]);
            _supplied.Clear();
            bool isWhole = true;
            while (!input.IsAtEnd && isWhole)
            {
                done++;
                switch (input.Byte() % 8)
                {
                    case 0 or 1 or 2:
                        isWhole = Send(ref send, workers[SendRing], features, input);
                        break;
                    case 3 or 4:
                        isWhole = SupplyGuest(ref receive, input) && Deliver(ref receive, workers[ReceiveRing], features, input);
                        break;
                    case 5:
                        isWhole = Deliver(ref receive, workers[ReceiveRing], features, input);
                        break;
                    case 6:
                        isWhole = Command(ref control, controlKick, workers[ControlRing], input);
                        break;
                    default:
                        isWhole = !input.OneIn(4) || Break(ref input.OneIn(2) ? ref send : ref receive, input);
                        break;
                }
            }

            _broken += isWhole ? 0 : 1;
        }
        finally
        {
            _queue.Dispose();
            foreach (QueueWorker worker in workers)
            {
                worker.Dispose();
            }
        }

        return done;
    }

    private DriverRingSetup Setup(int index, ulong features)
    {
        (bool, int) key = ((features & VirtioFeatures.PackedRing) != 0, index);
        if (!_rings.TryGetValue(key, out DriverRingSetup? setup))
        {
            _rings.Add(key, setup = DriverRingSetup.Allocate(_arena, RingSize, features, index == ReceiveRing ? LongIndirect : 32));
        }

        setup.Areas.Clear();
        return setup with { Features = features };
    }

    private void Supply(int tag)
    {
        _one[0] = new NetBuffer(_memory.AsSegment(tag * BufferLength, BufferLength), tag);
        FuzzException.ThrowUnless(_queue!.Supply(_one) == 1, "the port takes no buffer back");
    }

    /// <summary>A batch of frames from the guest.</summary>
    /// <returns>False where the device gave the ring up.</returns>
    private bool Send<TRing>(ref TRing ring, QueueWorker worker, ulong features, FuzzInput input)
        where TRing : struct, IDriverRing<TRing>
    {
        int headerLength = (features & HashReport) != 0 ? 20 : 12;
        int count = input.OneIn(3) ? 1 + input.Below(Slots) : 1 + input.Below(4);
        int added = 0;
        bool isOdd = false;
        for (; added < count; added++)
        {
            FuzzedFrame frame = _sent[added];
            frame.Make(input, headerLength, Mtu, (byte)added);
            GuestBuffer place = _sendData.Slice(added * FuzzedFrame.MaxLength, FuzzedFrame.MaxLength);
            frame.Bytes.CopyTo(place.AsSpan());
            int segments = Cut(input, place.Address, frame.Length, 12);
            isOdd |= frame.Length < headerLength;
            ring.UseIndirect = input.OneIn(2);
            if (!ring.TryAdd(_segments.AsSpan(0, segments), segments, (uint)added))
            {
                break;
            }
        }

        _sendData.AsSpan().CopyTo(_expectedSend);
        ring.Publish();
        long malformed = _device.Counters.Malformed;
        int next = 0;
        int skipped = 0;
        int returned = 0;
        int idle = 0;
        while (idle < 2)
        {
            int parts = _queue!.Receive(_parts.AsSpan(0, 1 + input.Below(_parts.Length)));
            idle = parts == 0 ? idle + 1 : 0;
            for (int i = 0; i < parts; i++)
            {
                ref NetReceived part = ref _parts[i];
                FuzzException.ThrowUnless(part.Length <= BufferLength && (!part.IsContinued || part.Length == BufferLength), $"a part of {part.Length} bytes");
                _gathered.AddRange(_memory.AsSpan(part.Tag * BufferLength, part.Length));
                Supply(part.Tag);
                if (part.IsContinued)
                {
                    continue;
                }

                Span<byte> whole = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_gathered);
                while (next < added && !_sent[next].Frame.SequenceEqual(whole))
                {
                    FuzzException.ThrowUnless(!_sent[next].HasToArrive, $"frame {next} of {_sent[next].Length} bytes asks for nothing and did not arrive");
                    next++;
                    skipped++;
                }

                FuzzException.ThrowUnless(next < added, $"a frame of {whole.Length} bytes arrived that was not sent");
                CheckMetadata(whole, part.Offload, features);
                next++;
                _arrived++;
                _gathered.Clear();
            }

            while (ring.TryGetUsed(out _, out uint written))
            {
                FuzzException.ThrowUnless(written == 0, $"{written} bytes are said to be written of a frame that was sent");
                returned++;
            }
        }

        FuzzException.ThrowUnless(_sendData.AsSpan().SequenceEqual(_expectedSend), "the device wrote into a frame that the guest sent");
        if (worker.Fault != RingFault.None)
        {
            FuzzException.ThrowUnless(isOdd, $"the device found {worker.Fault} and every frame has a header");
            _gathered.Clear();
            return false;
        }

        for (; next < added; next++, skipped++)
        {
            FuzzException.ThrowUnless(!_sent[next].HasToArrive, $"frame {next} of {_sent[next].Length} bytes asks for nothing and did not arrive");
        }

        FuzzException.ThrowUnless(returned == added, $"{returned} of {added} buffers came back");
        FuzzException.ThrowUnless(_device.Counters.Malformed - malformed == skipped, $"{skipped} frames did not arrive and {_device.Counters.Malformed - malformed} were counted");
        _dropped += skipped;
        return true;
    }

    /// <summary>What a stack may rely on without looking.</summary>
    private static void CheckMetadata(ReadOnlySpan<byte> frame, NetFrameOffload offload, ulong features)
    {
        const NetFrameFlags Segmentation = NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentTcp6 | NetFrameFlags.SegmentUdp4 | NetFrameFlags.SegmentUdp6;
        NetFrameFlags segmentation = offload.Flags & Segmentation;
        FuzzException.ThrowUnless(frame.Length >= 14, $"a frame of {frame.Length} bytes arrived");
        FuzzException.ThrowUnless((offload.Flags & ~(Segmentation | NetFrameFlags.SegmentEcn | NetFrameFlags.NeedsChecksum)) == 0, $"flags {offload.Flags} of a frame that was sent");
        FuzzException.ThrowUnless(offload.Flags == 0 || (features & Csum) != 0, "something was left to us that was not agreed to");
        if ((offload.Flags & NetFrameFlags.NeedsChecksum) != 0)
        {
            FuzzException.ThrowUnless(
                offload.ChecksumStart >= 14 && offload.ChecksumStart + offload.ChecksumOffset + 2 <= frame.Length, $"a checksum at {offload.ChecksumStart} + {offload.ChecksumOffset} of {frame.Length}");
        }

        if (segmentation == 0)
        {
            FuzzException.ThrowUnless(frame.Length <= Mtu + 22, $"a frame of {frame.Length} bytes arrived that is not to be cut");
            return;
        }

        bool isTcp = (segmentation & (NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentTcp6)) != 0;
        bool is6 = (segmentation & (NetFrameFlags.SegmentTcp6 | NetFrameFlags.SegmentUdp6)) != 0;
        FuzzException.ThrowUnless(
            (segmentation & (segmentation - 1)) == 0 && (offload.Flags & NetFrameFlags.NeedsChecksum) != 0 && offload.SegmentSize != 0, $"flags {offload.Flags}, segments of {offload.SegmentSize}");
        FuzzException.ThrowUnless(offload.HeaderLength <= frame.Length, $"headers of {offload.HeaderLength} in a frame of {frame.Length}");
        int header = isTcp ? (frame[offload.ChecksumStart + 12] >> 4) * 4 : 8;
        FuzzException.ThrowUnless(
            offload.HeaderLength == offload.ChecksumStart + header && offload.ChecksumOffset == (isTcp ? 16 : 6) && header >= 8,
            $"headers of {offload.HeaderLength} bytes, transport at {offload.ChecksumStart}, its header {header}");
        int network = 12;
        while (BinaryPrimitives.ReadUInt16BigEndian(frame[network..]) is 0x8100 or 0x88a8)
        {
            network += 4;
        }

        FuzzException.ThrowUnless(BinaryPrimitives.ReadUInt16BigEndian(frame[network..]) == (is6 ? 0x86dd : 0x800), $"{segmentation} of another protocol");
    }

    /// <summary>Receive buffers of any shape.</summary>
    /// <returns>True.</returns>
    private bool SupplyGuest<TRing>(ref TRing ring, FuzzInput input)
        where TRing : struct, IDriverRing<TRing>
    {
        for (int count = 1 + input.Below(8); count > 0 && _supplied.Count < Slots; count--)
        {
            int slot = _supplied.Count;
            GuestBuffer place = _receiveData.Slice(slot * SlotLength, SlotLength);
            place.AsSpan().Fill(0xee);
            int length = input.Pick<int>([1, 11, 12, 13, 20, 21, 26, 100, 1526, 1536, 2048, 4096]);
            int segments;
            if (length >= 2048 && input.OneIn(16))
            {
                // As many pieces as a device may think nobody sends, and a few more.
                segments = input.Pick<int>([1023, 1024, 1025, 1040, 1056, 1057, LongIndirect]);
                for (int i = 0; i < segments; i++)
                {
                    _segments[i] = new GuestSegment(place.Address + (uint)i, 1);
                }

                length = segments;
                ring.UseIndirect = true;
            }
            else
            {
                segments = Cut(input, place.Address, length, 8);
                ring.UseIndirect = input.OneIn(2);
            }

            if (!ring.TryAdd(_segments.AsSpan(0, segments), 0, (uint)slot))
            {
                return true;
            }

            _supplied.Add(((uint)slot, length));
        }

        ring.Publish();
        return true;
    }

    /// <summary>Frames for the guest.</summary>
    /// <returns>False where the device gave the ring up.</returns>
    private bool Deliver<TRing>(ref TRing ring, QueueWorker worker, ulong features, FuzzInput input)
        where TRing : struct, IDriverRing<TRing>
    {
        int headerLength = (features & HashReport) != 0 ? 20 : 12;
        NetFrameOffload offload = _given.MakeGood(input, Mtu, input.Byte(), _device.Port.Info.Transmit);
        _given.Bytes.CopyTo(_frame.AsSpan());
        int cut = input.OneIn(2) ? Math.Min(_given.Length, 14 + input.Below(100)) : _given.Length;
        _pieces[0] = _frame.AsSegment(0, cut);
        int pieces = 1;
        if (cut < _given.Length)
        {
            _pieces[pieces++] = _frame.AsSegment(cut, _given.Length - cut);
        }

        NetCounters counters = _device.Counters;
        long received = counters.Received;
        long lost = counters.NoBuffer + counters.Unwanted + counters.Filtered;
        int sent = _queue!.Transmit([new NetFrame { Data = ScatterList.Of(_pieces, 0, pieces), Length = _given.Length, Tag = 5, Offload = offload }]);
        FuzzException.ThrowUnless(sent == 1 && _queue.CopiesFrames, "a frame for the guest was not done with at once");
        _gathered.Clear();
        int buffers = 0;
        int told = 0;
        while (ring.TryGetUsed(out uint slot, out uint written))
        {
            int index = _supplied.FindIndex(s => s.Start == slot);
            FuzzException.ThrowUnless(index >= 0, $"a buffer came back that was not supplied: {slot}");
            int length = _supplied[index].Length;
            Span<byte> bytes = _receiveData.AsSpan().Slice((int)slot * SlotLength, SlotLength);
            FuzzException.ThrowUnless(written <= length && bytes[(int)written..].IndexOfAnyExcept((byte)0xee) < 0, $"{written} bytes are said to be written of {length}, or others were");
            if (buffers++ == 0)
            {
                FuzzException.ThrowUnless(written >= headerLength, $"a first buffer of {written} bytes has no header");
                told = BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]);
                FuzzException.ThrowUnless(bytes[1] == 0 || (features & GuestCsum) != 0, "segmentation was left to a driver that does not take it");
                bytes = bytes[headerLength..(int)written];
            }
            else
            {
                bytes = bytes[..(int)written];
            }

            _gathered.AddRange(bytes);
        }

        bool isReceived = counters.Received == received + 1;
        if (buffers != 0)
        {
            FuzzException.ThrowUnless(isReceived && told == buffers, $"{buffers} buffers were filled and the first says {told}");
            FuzzException.ThrowUnless(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_gathered).SequenceEqual(_given.Bytes), "the guest received something else");
            _delivered++;
            ResetSupplied(ref ring);
        }
        else
        {
            FuzzException.ThrowUnless(!isReceived && counters.NoBuffer + counters.Unwanted + counters.Filtered == lost + 1, "a frame is neither received nor counted as lost");
        }

        _gathered.Clear();
        return worker.Fault == RingFault.None;
    }

    /// <summary>Slots are used again when the driver has them all.</summary>
    private void ResetSupplied<TRing>(ref TRing ring)
        where TRing : struct, IDriverRing<TRing>
    {
        if (ring.Outstanding == 0)
        {
            _supplied.Clear();
        }
    }

    /// <summary>A command, good or of any bytes.</summary>
    /// <returns>False where the device gave the ring up.</returns>
    private bool Command<TRing>(ref TRing ring, Doorbell kick, QueueWorker worker, FuzzInput input)
        where TRing : struct, IDriverRing<TRing>
    {
        Span<byte> bytes = _command.AsSpan();
        int length = MakeCommand(input, bytes);
        bytes[length] = 0xee;
        bytes[length + 1] = 0xee;
        int segments = Cut(input, _command.Address, length, 6);
        _segments[segments] = new GuestSegment(_command.Address + (uint)length, 1);
        ring.UseIndirect = input.OneIn(2);
        FuzzException.ThrowUnless(ring.TryAdd(_segments.AsSpan(0, segments + 1), segments, 1), "the control ring is full");
        ring.Publish();
        kick.Ring();
        long start = TimeProvider.System.GetTimestamp();
        while (!ring.TryGetUsed(out _, out _))
        {
            // What a command changes is changed by this thread.
            int parts = _queue!.Receive([]);
            FuzzException.ThrowUnless(parts == 0, "a frame came from nowhere");
            if (worker.Fault != RingFault.None)
            {
                FuzzException.ThrowUnless(length < 2, $"the device found {worker.Fault} in a command of {length} bytes");
                return false;
            }

            FuzzException.ThrowUnless(TimeProvider.System.GetElapsedTime(start) < _patience, $"a command of {length} bytes did not end within {_patience}");
        }

        byte answer = _command.AsSpan()[length];
        FuzzException.ThrowUnless(answer <= 1 && _command.AsSpan()[length + 1] == 0xee, $"a command was answered with {answer}");
        FuzzException.ThrowUnless(_device.Port.Info.Address.Value == 0x5254_0012_3456, "the driver chose an address that it may not choose");
        _ = answer == 0 ? _accepted++ : _refused++;
        return true;
    }

    private static int MakeCommand(FuzzInput input, Span<byte> bytes)
    {
        if (input.OneIn(16))
        {
            int any = 1 + input.Below(input.OneIn(4) ? 5000 : 40);
            input.Fill(bytes[..Math.Min(any, 64)]);
            return any;
        }

        bytes[0] = (byte)(input.Byte() % 8);
        bytes[1] = (byte)(input.Byte() % (bytes[0] == 0 ? 6 : 3));
        Span<byte> data = bytes[2..];
        int length = bytes[0] switch
        {
            0 => 1,
            1 when bytes[1] == 1 => 6,
            1 => 8 + (6 * input.Below(80)),
            2 => 2,
            3 => 0,
            4 when bytes[1] == 0 => 2,
            4 => 8 + 4 + 3 + 40,
            _ => 8,
        };
        data[..length].Clear();
        switch (bytes[0])
        {
            case 0:
                data[0] = (byte)(input.Byte() & 1);
                break;
            case 1 when bytes[1] == 0:
                int first = (length - 8) / 6 * input.Below(3) / 2;
                first = Math.Min(first, (length - 8) / 6);
                BinaryPrimitives.WriteInt32LittleEndian(data, first);
                BinaryPrimitives.WriteInt32LittleEndian(data[(4 + (6 * first))..], ((length - 8) / 6) - first);
                break;
            case 4 when bytes[1] != 0:
                BinaryPrimitives.WriteUInt32LittleEndian(data, input.Byte());
                data[12] = (byte)input.Below(48);
                length = 13 + data[12];
                break;
            case 5:
                BinaryPrimitives.WriteUInt64LittleEndian(data, input.UInt16() & 0x382ul);
                break;
            default:
                input.Fill(data[..Math.Min(length, 8)]);
                break;
        }

        if (input.OneIn(6) && length > 0)
        {
            data[input.Below(length)] = (byte)input.Odd();
        }

        return 2 + (input.OneIn(10) ? input.Below(length + 1) : length);
    }

    /// <summary>A buffer that is not the guest's to give: the device has to see it and may not touch it.</summary>
    /// <returns>False: nothing is promised of the rings after that.</returns>
    private bool Break<TRing>(ref TRing ring, FuzzInput input)
        where TRing : struct, IDriverRing<TRing>
    {
        int segments = 1 + input.Below(4);
        for (int i = 0; i < segments; i++)
        {
            ulong address = input.OneIn(3) ? input.Odd() : _receiveData.Address + input.UInt16();
            _segments[i] = new GuestSegment(address, input.OneIn(3) ? (uint)input.Odd() : input.UInt16());
        }

        ring.UseIndirect = input.OneIn(2);
        if (ring.TryAdd(_segments.AsSpan(0, segments), input.Below(segments + 1), 77))
        {
            ring.Publish();
        }

        for (int i = 0; i < 3; i++)
        {
            int parts = _queue!.Receive(_parts);
            for (int p = 0; p < parts; p++)
            {
                Supply(_parts[p].Tag);
            }

            _pieces[0] = _frame.AsSegment(0, 60);
            _queue.Transmit([new NetFrame { Data = ScatterList.Of(_pieces, 0, 1), Length = 60 }]);
        }

        return false;
    }

    /// <summary>Cuts bytes into elements.</summary>
    /// <returns>How many.</returns>
    private int Cut(FuzzInput input, ulong address, int length, int most)
    {
        int count = 0;
        while (length > 0)
        {
            int piece = count + 1 < most && input.OneIn(3) ? 1 + input.Below(Math.Min(length, 65536)) : length;
            _segments[count++] = new GuestSegment(address, (uint)piece);
            address += (uint)piece;
            length -= piece;
        }

        return count;
    }
}
