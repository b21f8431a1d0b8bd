using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>Cuts a frame into segments of TCP or datagrams of UDP, with headers and checksums of their own, as a port does to which that is left.</summary>
internal ref struct Segmenter
{
    private const int TcpSequence = 4;
    private const int TcpFlags = 13;
    private const int TcpChecksum = 16;
    private const int UdpLength = 4;
    private const int UdpChecksum = 6;
    private const byte Fin = 0x01;
    private const byte Psh = 0x08;
    private const byte Cwr = 0x80;

    private readonly FramePool _frames;
    private readonly SegmentPlan _plan;
    private readonly ReadOnlySpan<byte> _headers;
    private readonly NetFrameOffload _offload;
    private FrameReader _reader;
    private int _done;
    private int _number;

    /// <summary>Begins with a frame, which stays as it is until all segments are made.</summary>
    public Segmenter(FramePool frames, int frame, in SegmentPlan plan)
    {
        _frames = frames;
        _plan = plan;
        _headers = frames.Head(frame)[..plan.Headers];
        _reader = new(frames, frame);
        _reader.Skip(plan.Headers);

        // The tag goes before each of them; all other work is done here.
        _offload.Flags = frames[frame].Offload.Flags & NetFrameFlags.HasVlanTag;
        _offload.VlanTag = frames[frame].Offload.VlanTag;
    }

    /// <summary>Makes the next segment.</summary>
    /// <returns>It, or <see cref="FramePool.None"/> after the last, or where there is no buffer.</returns>
    public int Next()
    {
        if (_number != 0 && _done == _plan.Payload)
        {
            return FramePool.None;
        }

        int length = Math.Min(_plan.SegmentSize, _plan.Payload - _done);
        int frame = FrameBytes.Make(_frames, _headers, ref _reader, length);
        if (frame == FramePool.None)
        {
            return FramePool.None;
        }

        _frames[frame].Offload = _offload;
        WriteHeaders(frame, length);
        _done += length;
        _number++;
        return frame;
    }

    private readonly void WriteHeaders(int frame, int length)
    {
        Span<byte> head = _frames.Head(frame);
        Span<byte> ip = head[_plan.Ip..];
        int transportLength = _plan.Headers - _plan.Transport + length;
        ReadOnlySpan<byte> addresses;
        if (_plan.IsIPv4)
        {
            ushort identification = BinaryPrimitives.ReadUInt16BigEndian(ip[IPv4Header.IdentificationOffset..]);
            BinaryPrimitives.WriteUInt16BigEndian(ip[IPv4Header.IdentificationOffset..], (ushort)(identification + _number));
            BinaryPrimitives.WriteUInt16BigEndian(ip[IPv4Header.TotalLengthOffset..], (ushort)(_plan.Transport - _plan.Ip + transportLength));
            IPv4Header.WriteChecksum(ip[..((ip[0] & 0xf) * 4)]);
            addresses = ip.Slice(IPv4Header.SourceOffset, 2 * IpAddress.Length4);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[IPv6Header.PayloadLengthOffset..], (ushort)(_plan.Transport - _plan.Ip - IPv6Header.Length + transportLength));
            addresses = ip.Slice(IPv6Header.SourceOffset, 2 * IpAddress.Length6);
        }

        Span<byte> transport = head[_plan.Transport..];
        Span<byte> field = transport.Slice(_plan.IsTcp ? TcpChecksum : UdpChecksum, sizeof(ushort));
        if (_plan.IsTcp)
        {
            uint sequence = BinaryPrimitives.ReadUInt32BigEndian(transport[TcpSequence..]);
            BinaryPrimitives.WriteUInt32BigEndian(transport[TcpSequence..], sequence + (uint)_done);

            // What ends the data is said with the last of them; the window's reduction with the first ([RFC 3168] 6.1.2).
            bool isLast = _done + length == _plan.Payload;
            transport[TcpFlags] &= (byte)~((isLast ? 0 : Fin | Psh) | (_number == 0 ? 0 : Cwr));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[UdpLength..], (ushort)transportLength);
        }

        field.Clear();
        ulong pseudo = Checksum.PseudoHeader(addresses, _plan.IsTcp ? IpProtocol.Tcp : IpProtocol.Udp, transportLength);
        ulong sum = pseudo + FrameBytes.Sum(_frames, frame, _plan.Transport);
        Checksum.WriteUdp(field, sum);
    }
}
