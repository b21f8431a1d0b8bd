using System.Numerics;

namespace Makatea.Platform.Sel4;

/// <summary>
/// The header of a channel's region and this end's place in it. Each end has a line of its own, which it alone writes: the number of its session and its counts. The end that
/// connects chooses a new session's number; the end that serves answers with the same. Either end begins anew by another number, such as after it was started again, and ends a session by 0.
/// </summary>
/// <remarks>
/// <code>
/// 0     connecting end: le32 session
/// 64                    le32 bytes written, le32 bytes read
/// 128   serving end: the same
/// 4096  ring to the serving end, then the ring to the connecting end
/// </code>
/// </remarks>
internal sealed class ChannelLink
{
    private const int LineLength = 128;
    private const nuint SessionOffset = 0;
    private const nuint WrittenOffset = 64;
    private const nuint ReadOffset = 68;
    private const int RingsOffset = 4096;
    private const int LeastRing = 4096;

    private readonly SharedMemory _ours;
    private readonly SharedMemory _theirs;

    /// <summary>Looks at the region of a channel.</summary>
    /// <exception cref="GrantException">It is too short, or may not be written.</exception>
    internal ChannelLink(ChannelPeer peer)
    {
        ulong length = Math.Min(peer.Region.Length, int.MaxValue);
        if (length < RingsOffset + (2 * LeastRing))
        {
            throw new GrantException($"region '{peer.Region.Name}' has {length} bytes; a channel needs {RingsOffset + (2 * LeastRing)}");
        }

        MemorySegment region = RegionMemory.Map(peer.Region, 0, length, MemoryAccess.ReadWrite, null).Slice(0, (int)length);
        int ring = (int)(BitOperations.RoundUpToPowerOf2((uint)((length - RingsOffset) / 2) + 1) / 2);
        MemorySegment toServer = region.Slice(RingsOffset, ring);
        MemorySegment toCaller = region.Slice(RingsOffset + ring, ring);
        SharedMemory caller = new(region.Slice(0, LineLength));
        SharedMemory server = new(region.Slice(LineLength, LineLength));
        (_ours, _theirs) = peer.IsServer ? (server, caller) : (caller, server);
        Incoming = new ChannelRing(peer.IsServer ? toServer : toCaller, _ours, ReadOffset, _theirs, WrittenOffset);
        Outgoing = new ChannelRing(peer.IsServer ? toCaller : toServer, _ours, WrittenOffset, _theirs, ReadOffset);
    }

    /// <summary>What the other end sends.</summary>
    internal ChannelRing Incoming { get; }

    /// <summary>What this end sends.</summary>
    internal ChannelRing Outgoing { get; }

    /// <summary>The session that this end said last, perhaps before it was started again.</summary>
    internal uint OurSession => _ours.AcquireUInt32(SessionOffset);

    /// <summary>The session that the other end says.</summary>
    internal uint PeersSession => _theirs.AcquireUInt32(SessionOffset);

    /// <summary>Begins a session with empty rings.</summary>
    internal void Begin(uint session)
    {
        Incoming.Reset();
        Outgoing.Reset();
        _ours.ReleaseUInt32(SessionOffset, session);
    }

    /// <summary>Ends the session.</summary>
    internal void End() => _ours.ReleaseUInt32(SessionOffset, 0);
}
