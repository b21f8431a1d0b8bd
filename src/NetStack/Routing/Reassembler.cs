using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// Puts fragments that came in at one port together ([RFC 791] 3.2, [RFC 8200] 4.5), so that what the rules are asked of is a whole datagram. Bounded in datagrams, fragments and buffers: who sends
/// nothing but fragments loses its own.
/// </summary>
/// <remarks>
/// Fragments that overlap end their datagram, also of IPv4 ([RFC 5722]); a first one has the transport header ([RFC 1858] 3.2, 4.2), and no other starts within TCP's ([RFC 3128]).
/// </remarks>
internal sealed class Reassembler
{
    /// <summary>Most buffers that are held.</summary>
    public const int MaxBuffers = 128;

    private const int MaxDatagrams = 8;
    private const long Timeout = 30_000;
    private const int LeastFirst = 8;
    private const int TcpHeader = 20;

    private readonly FramePool _frames;
    private readonly Datagram[] _datagrams = new Datagram[MaxDatagrams];
    private int _buffers;

    public Reassembler(FramePool frames)
    {
        _frames = frames;
        for (int i = 0; i < _datagrams.Length; i++)
        {
            _datagrams[i] = new(frames);
        }
    }

    /// <summary>Takes a fragment.</summary>
    /// <param name="frame">Its frame; it is this object's if the result is <see cref="DropReason.None"/>.</param>
    /// <param name="packet">What its header says.</param>
    /// <param name="now">The time.</param>
    /// <param name="lost">Fragments that were given up on for it.</param>
    /// <param name="whole">The datagram, where it became whole; else without frame.</param>
    public DropReason Add(int frame, in IpPacket packet, long now, out int lost, out WholeDatagram whole)
    {
        lost = 0;
        whole = WholeDatagram.None;
        int length = packet.Length - packet.TransportOffset;
        int end = packet.FragmentOffset + length;
        if (length == 0 || (packet.HasMoreFragments && (length & 7) != 0) || packet.TransportOffset + end > ushort.MaxValue
            || (_frames[frame].Offload.Flags & (PortOffloads.Segmentation | NetFrameFlags.NeedsChecksum)) != 0 || IsTooSmall(packet, length))
        {
            return DropReason.BadFragment;
        }

        // One that is all of its datagram has nothing to do with others of the same number ([RFC 6946] 4).
        bool isAlone = packet.FragmentOffset == 0 && !packet.HasMoreFragments;
        Datagram datagram = Find(packet, isAlone) ?? Begin(packet, now, out lost);
        int buffers = _frames[frame].Parts;
        while (_buffers + buffers > MaxBuffers)
        {
            // Its own fragments first to go where they alone fill everything.
            Datagram oldest = Oldest(datagram);
            lost += Drop(oldest);
            if (oldest == datagram)
            {
                return DropReason.LostFragment;
            }
        }

        DropReason reason = datagram.Insert(frame, packet, length);
        if (reason != DropReason.None)
        {
            if (datagram.IsBroken)
            {
                lost += Drop(datagram);
            }

            return reason;
        }

        _buffers += buffers;
        if (datagram.IsWhole)
        {
            whole = datagram.Join();
            lost += whole.Frame == FramePool.None ? datagram.Count : 0;
            Drop(datagram);
        }

        return DropReason.None;
    }

    /// <summary>Gives up on datagrams that did not become whole in time.</summary>
    /// <param name="now">The time.</param>
    /// <param name="lost">Their fragments.</param>
    /// <returns>When to be called again.</returns>
    public long Tick(long now, out int lost)
    {
        lost = 0;
        long next = long.MaxValue;
        foreach (Datagram datagram in _datagrams)
        {
            if (datagram.Count != 0 && datagram.Deadline <= now)
            {
                lost += Drop(datagram);
            }
            else if (datagram.Count != 0)
            {
                next = Math.Min(next, datagram.Deadline);
            }
        }

        return next;
    }

    /// <summary>Gives everything up.</summary>
    public void Clear() => Tick(long.MaxValue, out _);

    private static bool IsTooSmall(in IpPacket packet, int length) => packet.FragmentOffset == 0
        ? packet.HasMoreFragments && length < (packet.Protocol == IpProtocol.Tcp ? TcpHeader : LeastFirst)
        : packet.Protocol == IpProtocol.Tcp && packet.FragmentOffset < TcpHeader;

    private Datagram? Find(in IpPacket packet, bool isAlone)
    {
        if (!isAlone)
        {
            foreach (Datagram datagram in _datagrams)
            {
                if (datagram.Count != 0 && datagram.Is(packet))
                {
                    return datagram;
                }
            }
        }

        return null;
    }

    private Datagram Begin(in IpPacket packet, long now, out int lost)
    {
        Datagram chosen = _datagrams[0];
        foreach (Datagram datagram in _datagrams)
        {
            if (datagram.Count == 0 || datagram.Deadline < chosen.Deadline)
            {
                chosen = datagram;
                if (datagram.Count == 0)
                {
                    break;
                }
            }
        }

        lost = Drop(chosen);
        chosen.Begin(packet, now + Timeout);
        return chosen;
    }

    private Datagram Oldest(Datagram otherwise)
    {
        Datagram oldest = otherwise;
        foreach (Datagram datagram in _datagrams)
        {
            if (datagram.Count != 0 && (oldest.Count == 0 || datagram.Deadline < oldest.Deadline))
            {
                oldest = datagram;
            }
        }

        return oldest;
    }

    private int Drop(Datagram datagram)
    {
        int count = datagram.Count;
        _buffers -= datagram.Clear();
        return count;
    }
}

/// <summary>A datagram that was put together.</summary>
/// <param name="Frame">Its frame.</param>
/// <param name="LargestFragment">The largest packet that it came in: it may be cut again into as large ones.</param>
/// <param name="FragmentHeader">Of IPv6, where the fragment header was.</param>
/// <param name="FragmentNext">Of IPv6, where the fragment header's number was.</param>
internal readonly record struct WholeDatagram(int Frame, int LargestFragment, int FragmentHeader, int FragmentNext)
{
    /// <summary>Not put together, or none.</summary>
    public static readonly WholeDatagram None = new(FramePool.None, 0, 0, 0);
}
