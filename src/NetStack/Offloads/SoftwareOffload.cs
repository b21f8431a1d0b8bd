using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>Work on single frames that the port they go to does not do.</summary>
internal static class SoftwareOffload
{
    /// <summary>Puts the checksum in that was left out.</summary>
    /// <returns>False where its place is not in the frame.</returns>
    public static bool TryComplete(FramePool frames, int frame)
    {
        ref FrameInfo info = ref frames[frame];
        int start = info.Offload.ChecksumStart;
        int place = start + info.Offload.ChecksumOffset;
        Span<byte> head = frames.Head(frame);
        if (start < Ethernet.HeaderLength || place + sizeof(ushort) > head.Length)
        {
            return false;
        }

        // The field's sum of the pseudo header is summed with the rest. A sum of zero is written in its other form, which means the same, but for UDP, where it is the right one.
        Checksum.WriteUdp(head[place..], FrameBytes.Sum(frames, frame, start));
        info.Offload.Flags &= ~NetFrameFlags.NeedsChecksum;
        return true;
    }

    /// <summary>Puts the VLAN tag in.</summary>
    /// <returns>False where there was no buffer for what the first part has no room for any more.</returns>
    public static bool TryInsertTag(FramePool frames, int frame)
    {
        ref FrameInfo info = ref frames[frame];
        int length = info.PartLength;
        if (length + Ethernet.VlanTagLength > FramePool.BufferLength && !TryMoveEnd(frames, frame))
        {
            return false;
        }

        length = info.PartLength;
        Span<byte> buffer = frames.Buffer(frame);
        buffer[Ethernet.TypeOffset..length].CopyTo(buffer[(Ethernet.TypeOffset + Ethernet.VlanTagLength)..]);
        BinaryPrimitives.WriteUInt16BigEndian(buffer[Ethernet.TypeOffset..], Ethernet.Vlan);
        BinaryPrimitives.WriteUInt16BigEndian(buffer[(Ethernet.TypeOffset + 2)..], info.Offload.VlanTag);
        info.PartLength += Ethernet.VlanTagLength;
        info.Length += Ethernet.VlanTagLength;
        info.Offload.ChecksumStart += Ethernet.VlanTagLength;
        info.Offload.HeaderLength += Ethernet.VlanTagLength;
        info.Offload.Flags &= ~NetFrameFlags.HasVlanTag;
        return true;
    }

    /// <summary>Moves the last bytes of the first part into one of their own.</summary>
    private static bool TryMoveEnd(FramePool frames, int frame)
    {
        ref FrameInfo info = ref frames[frame];
        int part = info.Parts == FramePool.MaxParts ? FramePool.None : frames.Rent();
        if (part == FramePool.None)
        {
            return false;
        }

        int left = info.PartLength - Ethernet.VlanTagLength;
        frames.Buffer(frame)[left..info.PartLength].CopyTo(frames.Buffer(part));
        frames.SetLength(part, Ethernet.VlanTagLength);
        frames.Insert(frame, part);
        return true;
    }
}
