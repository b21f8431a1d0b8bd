using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>Cuts a packet into fragments: of IPv4 one that is larger than the next link carries ([RFC 791] 3.2), of either one that came in fragments, into none larger than it came in.</summary>
internal ref struct Fragmenter
{
    private const byte CopiedOption = 0x80;
    private const byte NoOperation = 1;

    private readonly FramePool _frames;
    private readonly Span<byte> _head;
    private readonly uint _identification;
    private readonly int _headers;
    private readonly int _size;
    private readonly int _payload;
    private readonly int _fragmentNext;
    private readonly bool _isIPv4;
    private FrameReader _reader;
    private int _done;

    /// <summary>Begins with a frame that has its Ethernet header and all checksums; it is this object's to write to.</summary>
    /// <param name="frames">The pool.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="packet">What its headers say.</param>
    /// <param name="size">Largest packet to be made.</param>
    /// <param name="whole">Of IPv6, how it came.</param>
    /// <param name="identification">What the fragments have in common.</param>
    public Fragmenter(FramePool frames, int frame, in IpPacket packet, int size, in WholeDatagram whole, uint identification)
    {
        _frames = frames;
        _isIPv4 = packet.IsIPv4;
        _identification = identification;
        int header = _isIPv4 ? (frames.Head(frame)[Ethernet.HeaderLength] & 0xf) * 4 : whole.FragmentHeader;
        _headers = Ethernet.HeaderLength + header;
        _head = frames.Head(frame)[.._headers];
        _payload = packet.Length - header;
        _size = (size - header - (_isIPv4 ? 0 : IPv6Header.FragmentHeaderLength)) & ~7;
        _fragmentNext = Ethernet.HeaderLength + whole.FragmentNext;
        _reader = new(frames, frame);
        _reader.Skip(_headers);
    }

    /// <summary>All fragments were made.</summary>
    public readonly bool IsDone => _done == _payload;

    /// <summary>Makes the next fragment.</summary>
    /// <returns>It, or <see cref="FramePool.None"/> after the last, or where there is no buffer.</returns>
    public int Next()
    {
        int length = Math.Min(_size, _payload - _done);
        if (length <= 0)
        {
            return FramePool.None;
        }

        bool isLast = _done + length == _payload;
        Span<byte> headers = stackalloc byte[Ethernet.HeaderLength + FramePool.BufferLength];
        _head.CopyTo(headers);
        headers = headers[..(_isIPv4 ? WriteIPv4(headers, length, isLast) : WriteIPv6(headers, length, isLast))];
        int frame = FrameBytes.Make(_frames, headers, ref _reader, length);
        if (frame == FramePool.None)
        {
            return FramePool.None;
        }

        if (_isIPv4 && _done == 0)
        {
            DropOptions();
        }

        _done += length;
        return frame;
    }

    private readonly int WriteIPv4(Span<byte> headers, int length, bool isLast)
    {
        Span<byte> ip = headers[Ethernet.HeaderLength.._headers];
        BinaryPrimitives.WriteUInt16BigEndian(ip[IPv4Header.TotalLengthOffset..], (ushort)(ip.Length + length));
        BinaryPrimitives.WriteUInt16BigEndian(ip[IPv4Header.IdentificationOffset..], (ushort)_identification);
        BinaryPrimitives.WriteUInt16BigEndian(ip[IPv4Header.FragmentOffset..], (ushort)((_done / 8) | (isLast ? 0 : IPv4Header.MoreFragments)));
        IPv4Header.WriteChecksum(ip);
        return _headers;
    }

    private readonly int WriteIPv6(Span<byte> headers, int length, bool isLast)
    {
        Span<byte> fragment = headers.Slice(_headers, IPv6Header.FragmentHeaderLength);
        fragment[0] = headers[_fragmentNext];
        fragment[1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(fragment[2..], (ushort)(_done | (isLast ? 0 : 1)));
        BinaryPrimitives.WriteUInt32BigEndian(fragment[4..], _identification);
        headers[_fragmentNext] = IpProtocol.Fragment;
        int headerLength = _headers - Ethernet.HeaderLength - IPv6Header.Length + IPv6Header.FragmentHeaderLength;
        BinaryPrimitives.WriteUInt16BigEndian(headers[(Ethernet.HeaderLength + IPv6Header.PayloadLengthOffset)..], (ushort)(headerLength + length));
        return _headers + IPv6Header.FragmentHeaderLength;
    }

    /// <summary>Makes nothing of the options that are for the first fragment alone.</summary>
    private readonly void DropOptions()
    {
        Span<byte> options = _head[(Ethernet.HeaderLength + IPv4Header.Length)..];
        while (!options.IsEmpty && options[0] != 0)
        {
            // The parser saw that lengths are right.
            int length = options[0] == NoOperation ? 1 : options[1];
            if ((options[0] & CopiedOption) == 0)
            {
                options[..length].Fill(NoOperation);
            }

            options = options[length..];
        }
    }
}
