using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Fuzz.Net;

/// <summary>A frame with its virtio-net header, good, nearly good or bad.</summary>
internal sealed class FuzzedFrame
{
    private const int Ethernet = 14;

    /// <summary>The last byte of the sender's address.</summary>
    private const int SourceEnd = 11;

    private readonly byte[] _bytes = new byte[MaxLength];

    /// <summary>Longest, header included: more than any frame may have.</summary>
    public const int MaxLength = 72 << 10;

    private const ushort Tcp = 6;
    private const ushort Udp = 17;
    private int _network;
    private int _transport;
    private bool _is6;
    private ushort _protocol;

    /// <summary>Header and frame.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    /// <summary>The frame.</summary>
    public ReadOnlySpan<byte> Frame => _bytes.AsSpan(HeaderLength, Length - HeaderLength);

    /// <summary>Length of both.</summary>
    public int Length { get; private set; }

    /// <summary>Length of the virtio-net header.</summary>
    public int HeaderLength { get; private set; }

    /// <summary>Nothing is asked for with the frame and it is of a good length: it has to arrive.</summary>
    public bool HasToArrive { get; private set; }

    /// <summary>Makes another that a guest sends.</summary>
    public void Make(FuzzInput input, int headerLength, int mtu, byte number)
    {
        HeaderLength = headerLength;
        int payload = input.OneIn(8) ? input.Below(65536) : input.OneIn(3) ? input.Below(1500) : input.Below(64);
        MakePacket(input, payload, number);
        Span<byte> header = _bytes.AsSpan(0, headerLength);
        header.Clear();
        if (input.OneIn(2))
        {
            MakeHeader(input, header);
        }

        // A few bytes of either header go wrong.
        for (int wrong = input.OneIn(3) ? 1 + input.Below(3) : 0; wrong > 0; wrong--)
        {
            _bytes[input.Below(Math.Min(Length, headerLength + 80))] = (byte)input.Odd();
        }

        if (input.OneIn(160))
        {
            Length = Math.Min(Length, headerLength + input.Below(20));
        }

        // Frames without payload would be the same, and one that is dropped taken for the next.
        int length = Length - headerLength;
        if (length > SourceEnd)
        {
            _bytes[headerLength + SourceEnd] = number;
        }

        HasToArrive = (header[0] & 1) == 0 && header[1] == 0 && length >= Ethernet && length <= mtu + Ethernet;
    }

    /// <summary>Makes a frame for the guest, whose metadata is as a stack of ours says it.</summary>
    /// <param name="input">Decides.</param>
    /// <param name="mtu">The guest's.</param>
    /// <param name="number">Makes it different from others.</param>
    /// <param name="takes">What the guest agreed to; nothing else is given to it.</param>
    public NetFrameOffload MakeGood(FuzzInput input, int mtu, byte number, NetOffloads takes)
    {
        HeaderLength = 0;
        bool isLong = input.OneIn(3);
        MakePacket(input, isLong ? input.Below(65000) : input.Below(mtu - 80), number);
        NetFrameFlags segment = (_protocol, _is6) switch
        {
            (Tcp, false) => NetFrameFlags.SegmentTcp4,
            (Tcp, true) => NetFrameFlags.SegmentTcp6,
            (Udp, false) => NetFrameFlags.SegmentUdp4,
            _ => NetFrameFlags.SegmentUdp6,
        };
        if (isLong && Length - Ethernet > mtu && !IsTaken(segment, takes))
        {
            Length = mtu;
        }

        var offload = new NetFrameOffload();
        if ((takes & NetOffloads.Checksum) != 0 && (Length - Ethernet > mtu || input.OneIn(2)))
        {
            offload = new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = (ushort)_transport, ChecksumOffset = _protocol == Tcp ? (ushort)16 : (ushort)6 };
        }

        if (Length - Ethernet > mtu)
        {
            offload.Flags |= segment;
            offload.SegmentSize = 1400;
            offload.HeaderLength = (ushort)(_transport + (_protocol == Tcp ? 20 : 8));
        }

        return offload;
    }

    private static bool IsTaken(NetFrameFlags segment, NetOffloads takes) => segment switch
    {
        NetFrameFlags.SegmentTcp4 => (takes & NetOffloads.SegmentTcp4) != 0,
        NetFrameFlags.SegmentTcp6 => (takes & NetOffloads.SegmentTcp6) != 0,
        _ => false,
    };

    /// <summary>Ethernet, perhaps tags of VLANs, IPv4 with options or IPv6 with extension headers, and TCP or UDP.</summary>
    private void MakePacket(FuzzInput input, int payload, byte number)
    {
        byte shape = input.Byte();
        _is6 = (shape & 1) != 0;
        _protocol = (shape & 2) != 0 ? Tcp : Udp;
        int tags = HeaderLength == 0 ? 0 : ((shape >> 2) & 3) == 3 ? 1 + (shape >> 7) : 0;
        int more = ((shape >> 4) & 3) == 3 ? 8 * (1 + input.Below(3)) : 0;
        _network = Ethernet + (4 * tags);
        _transport = _network + (_is6 ? 40 : 20) + more;
        int header = _protocol == Tcp ? 20 : 8;
        payload = Math.Min(payload, MaxLength - HeaderLength - _transport - header);
        Length = HeaderLength + _transport + header + payload;
        Span<byte> frame = _bytes.AsSpan(HeaderLength, Length - HeaderLength);
        frame[..(_transport + header)].Clear();
        frame[..12].Fill(2);
        for (int i = 0; i < tags; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame[(12 + (4 * i))..], i + 1 < tags ? (ushort)0x88a8 : (ushort)0x8100);
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame[(_network - 2)..], _is6 ? (ushort)0x86dd : (ushort)0x800);
        Span<byte> packet = frame[_network..];
        if (_is6)
        {
            packet[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(more + header + payload));
            packet[6] = more == 0 ? (byte)_protocol : (byte)60;
            if (more != 0)
            {
                packet[40] = (byte)_protocol;
                packet[41] = (byte)((more / 8) - 1);
            }
        }
        else
        {
            packet[0] = (byte)(0x40 | ((20 + more) / 4));
            BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)(20 + more + header + payload));
            packet[9] = (byte)_protocol;
        }

        if (_protocol == Tcp)
        {
            frame[_transport + 12] = 0x50;
        }

        for (int i = _transport + header; i < frame.Length; i++)
        {
            frame[i] = (byte)((i * 31) + number + (i >> 8));
        }
    }

    private void MakeHeader(FuzzInput input, Span<byte> header)
    {
        header[0] = 1;
        header[1] = input.OneIn(3) ? (byte)0 : _protocol == Udp ? (byte)5 : _is6 ? (byte)4 : (byte)1;
        if (_protocol == Tcp && header[1] != 0 && input.OneIn(4))
        {
            header[1] |= 0x80;
        }

        BinaryPrimitives.WriteUInt16LittleEndian(header[2..], (ushort)(_transport + 20));
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], input.OneIn(8) ? (ushort)input.Odd() : (ushort)1400);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], input.OneIn(8) ? (ushort)input.Odd() : (ushort)_transport);
        BinaryPrimitives.WriteUInt16LittleEndian(header[8..], input.OneIn(8) ? (ushort)input.Odd() : _protocol == Tcp ? (ushort)16 : (ushort)6);
    }
}
