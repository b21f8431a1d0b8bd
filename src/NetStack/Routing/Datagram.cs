using System.Buffers.Binary;

namespace Makatea.NetStack;

/// <summary>The fragments of one datagram, in order.</summary>
internal sealed class Datagram(FramePool frames)
{
    // 64 KiB in packets of 1280 bytes are 53; smaller ones are seldom meant well.
    private const int MaxFragments = 64;

    private readonly Fragment[] _fragments = new Fragment[MaxFragments];
    private IpAddress _source;
    private IpAddress _destination;
    private uint _identification;
    private byte _protocol;
    private int _end;
    private int _received;
    private int _largest;

    /// <summary>Fragments that are there.</summary>
    public int Count { get; private set; }

    /// <summary>When to give up.</summary>
    public long Deadline { get; private set; }

    /// <summary>It contradicts itself and cannot become whole.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Everything is there.</summary>
    public bool IsWhole => _received == _end;

    public void Begin(in IpPacket packet, long deadline)
    {
        _source = packet.Source;
        _destination = packet.Destination;
        _identification = packet.Identification;
        _protocol = packet.Protocol;
        _end = int.MaxValue;
        _received = 0;
        _largest = 0;
        IsBroken = false;
        Deadline = deadline;
    }

    /// <summary>A fragment is of this datagram. Of IPv6 the protocol is not looked at, as it may differ ([RFC 8200] 4.5).</summary>
    public bool Is(in IpPacket packet) =>
        _identification == packet.Identification && _source == packet.Source && _destination == packet.Destination && (!packet.IsIPv4 || _protocol == packet.Protocol);

    /// <summary>Puts a fragment in its place.</summary>
    public DropReason Insert(int frame, in IpPacket packet, int length)
    {
        int start = packet.FragmentOffset;
        int end = start + length;
        int at = Count;
        while (at > 0 && _fragments[at - 1].Start >= start)
        {
            at--;
        }

        if (at < Count && _fragments[at].Start == start && _fragments[at].End == end)
        {
            // The same once more: the network doubled it.
            return DropReason.BadFragment;
        }

        bool overlaps = (at > 0 && _fragments[at - 1].End > start) || (at < Count && _fragments[at].Start < end);
        bool contradicts = end > _end || (!packet.HasMoreFragments && ((_end != int.MaxValue && _end != end) || (Count != 0 && _fragments[Count - 1].End > end)));
        if (overlaps || contradicts || Count == MaxFragments)
        {
            IsBroken = true;
            return DropReason.BadFragment;
        }

        _fragments.AsSpan(at, Count - at).CopyTo(_fragments.AsSpan(at + 1));
        _fragments[at] = new(frame, start, end, packet.TransportOffset, packet.FragmentHeader, packet.FragmentNext);
        Count++;
        _received += length;
        _largest = Math.Max(_largest, packet.Length);
        _end = packet.HasMoreFragments ? _end : end;
        return DropReason.None;
    }

    /// <summary>Makes one frame of all, with the headers of the first.</summary>
    public WholeDatagram Join()
    {
        Fragment first = _fragments[0];
        bool isIPv4 = _source.IsIPv4;
        int header = isIPv4 ? first.Transport : first.FragmentHeader;
        var writer = new FrameWriter(frames);
        bool isDone = writer.TryWrite(first.Frame, 0, Ethernet.HeaderLength + header);
        for (int i = 0; i < Count && isDone; i++)
        {
            Fragment fragment = _fragments[i];
            isDone = writer.TryWrite(fragment.Frame, Ethernet.HeaderLength + fragment.Transport, fragment.End - fragment.Start);
        }

        if (!isDone)
        {
            return WholeDatagram.None;
        }

        Span<byte> ip = frames.Head(writer.Frame)[Ethernet.HeaderLength..];
        if (isIPv4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[IPv4Header.TotalLengthOffset..], (ushort)(header + _end));
            ip[IPv4Header.FragmentOffset] &= IPv4Header.DontFragment >> 8;
            ip[IPv4Header.FragmentOffset + 1] = 0;
            IPv4Header.WriteChecksum(ip[..header]);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[IPv6Header.PayloadLengthOffset..], (ushort)(header - IPv6Header.Length + _end));
            ip[first.FragmentNext] = _protocol;
        }

        return new(writer.Frame, _largest, first.FragmentHeader, first.FragmentNext);
    }

    /// <summary>Gives all fragments up.</summary>
    /// <returns>How many buffers they had.</returns>
    public int Clear()
    {
        int buffers = 0;
        for (int i = 0; i < Count; i++)
        {
            buffers += frames[_fragments[i].Frame].Parts;
            frames.Free(_fragments[i].Frame);
        }

        Count = 0;
        return buffers;
    }

    private readonly record struct Fragment(int Frame, int Start, int End, int Transport, int FragmentHeader, int FragmentNext);
}
