using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>Frames of several pieces, with work for the controller, or out of its reach. All of a frame is put into the ring, or nothing.</summary>
internal sealed partial class TransmitRing<TChip>
{
    private const NetFrameFlags Segmentation = NetFrameFlags.SegmentTcp4 | NetFrameFlags.SegmentTcp6;
    private const NetFrameFlags Known = NetFrameFlags.NeedsChecksum | Segmentation | NetFrameFlags.HasVlanTag | NetFrameFlags.ChecksumGood;

    // The piece of its own that the last bytes of a frame after a segmented one get.
    private const int Sentinel = 4;

    /// <returns>False where there is no room now; a frame that cannot be sent is dropped and counted.</returns>
    private bool TryAddOther(in NetFrame frame)
    {
        if (!IsPossible(frame, out int needed))
        {
            _errors++;
            return true;
        }

        if ((uint)(_size - 1) - (_tail - _clean) < (uint)needed)
        {
            return false;
        }

        uint tail = _tail;
        uint copies = _copies.Head;
        ulong copied = _copied;
        switch (Put(frame))
        {
            case Outcome.Added:
                _sent++;
                _bytes += (uint)frame.Length;
                return true;
            case Outcome.Refused:
                _errors++;
                Undo();
                return true;
            default:
                Undo();
                return false;
        }

        void Undo()
        {
            _tail = tail;
            _copied = copied;
            _copies.Undo(copies);
            (_context, _contextSecond) = default((ulong, ulong));
        }
    }

    private bool IsPossible(in NetFrame frame, out int needed)
    {
        ReadOnlySpan<MemorySegment> data = frame.Data.AsSpan();
        NetFrameFlags flags = frame.Offload.Flags;

        // A piece needs one descriptor and one more for each full one; the context, copied headers and the sentinel one each.
        needed = data.Length + (frame.Length / TChip.MaxDescriptorData) + 3;
        bool isSegmented = (flags & Segmentation) != 0;
        NetFrameFlags known = TChip.SegmentsIp6 ? Known : Known & ~NetFrameFlags.SegmentTcp6;
        return data.Length is > 0 and <= MaxSegments && (flags & ~known) == 0 && (flags & Segmentation) != Segmentation
            && frame.Length >= LeastFrame && frame.Length <= (isSegmented ? MaxSegmentedLength : _maxFrame) && frame.Data.TotalLength() == frame.Length;
    }

    private Outcome Put(in NetFrame frame)
    {
        ulong second = TransmitDescriptor.Data;
        if ((frame.Offload.Flags & NetFrameFlags.HasVlanTag) != 0)
        {
            second |= TransmitDescriptor.InsertVlan | ((ulong)frame.Offload.VlanTag << TransmitDescriptor.VlanShift);
        }

        if ((frame.Offload.Flags & Segmentation) != 0)
        {
            return PutSegmented(frame, second);
        }

        if ((frame.Offload.Flags & NetFrameFlags.NeedsChecksum) != 0)
        {
            if (!TryPutChecksumContext(frame))
            {
                return Outcome.Refused;
            }

            second |= TransmitDescriptor.InsertChecksum;
        }

        return frame.Length < LeastPadded ? PutShort(frame, second) : PutPieces(frame.Data.AsSpan(), 0, frame.Length, second, TChip.ReportsEarlyAfterSegmentation && _afterSegmentation);
    }

    private bool TryPutChecksumContext(in NetFrame frame)
    {
        int start = frame.Offload.ChecksumStart;
        int place = start + frame.Offload.ChecksumOffset;
        if (start < LeastFrame || start > byte.MaxValue || place > byte.MaxValue || place + sizeof(ushort) > frame.Length)
        {
            return false;
        }

        ulong context = TransmitDescriptor.ChecksumContext(start, place);
        ulong second = TransmitDescriptor.ChecksumContextSecond(frame.Offload.ChecksumOffset);
        if (!TChip.KeepsContext || context != _context || second != _contextSecond)
        {
            Put(_tail++, context, second);
            (_context, _contextSecond) = TChip.KeepsContext ? (context, second) : default((ulong, ulong));
        }

        return true;
    }

    private Outcome PutSegmented(in NetFrame frame, ulong second)
    {
        NetFrameOffload offload = frame.Offload;
        int length = offload.HeaderLength;
        if (length > SegmentationHeader.MaxLength || length >= frame.Length || offload.SegmentSize == 0
            || offload.SegmentSize > _maxFrame - length || offload.ChecksumOffset != SegmentationHeader.ChecksumOffset)
        {
            return Outcome.Refused;
        }

        if (!_copies.TryTake(length, out ulong iova, out Span<byte> bytes))
        {
            return Outcome.NoRoom;
        }

        ReadOnlySpan<MemorySegment> data = frame.Data.AsSpan();
        Gather(data, bytes);
        if (!SegmentationHeader.TryPrepare(bytes, (offload.Flags & NetFrameFlags.SegmentTcp4) != 0, offload.ChecksumStart, out SegmentationHeader header))
        {
            return Outcome.Refused;
        }

        Put(_tail++, TransmitDescriptor.SegmentContext(header), TransmitDescriptor.SegmentContextSecond(header, frame.Length - length, offload.SegmentSize));
        second |= TransmitDescriptor.Segment | TransmitDescriptor.InsertChecksum | (header.IsIp4 ? TransmitDescriptor.InsertIpChecksum : 0);
        Put(_tail++, iova, second | (uint)length);
        Outcome outcome = PutPieces(data, length, frame.Length - length, second, hasSentinel: false);
        _afterSegmentation = outcome == Outcome.Added;
        return outcome;
    }

    private Outcome PutShort(in NetFrame frame, ulong second)
    {
        if (!_copies.TryTake(Padded, out ulong iova, out Span<byte> bytes))
        {
            return Outcome.NoRoom;
        }

        Gather(frame.Data.AsSpan(), bytes[..frame.Length]);
        bytes[frame.Length..].Clear();
        Put(_tail++, iova, second | TransmitDescriptor.EndOfPacket | Padded);
        _afterSegmentation = false;
        return Outcome.Added;
    }

    /// <summary>Puts what is left of a frame after its first <paramref name="skip"/> bytes.</summary>
    private Outcome PutPieces(ReadOnlySpan<MemorySegment> data, int skip, int left, ulong second, bool hasSentinel)
    {
        bool isCopied = false;
        foreach (ref readonly MemorySegment whole in data)
        {
            int length = whole.Length - skip;
            if (length <= 0)
            {
                skip = -length;
                continue;
            }

            if (!_space.TryTranslate(whole.Address + skip, length, ref _hint, out ulong iova))
            {
                if (!_copies.TryTake(length, out iova, out Span<byte> bytes))
                {
                    return Outcome.NoRoom;
                }

                whole.Slice(skip, length).AsSpan().CopyTo(bytes);
                isCopied = true;
            }

            skip = 0;
            left -= length;
            if (length <= TChip.MaxDescriptorData && !hasSentinel)
            {
                Put(_tail++, iova, second | (uint)length | (left == 0 ? TransmitDescriptor.EndOfPacket : 0));
            }
            else
            {
                PutPiece(iova, length, second, isLast: left == 0, hasSentinel);
            }
        }

        _copied += isCopied ? 1UL : 0;
        _afterSegmentation = false;
        return Outcome.Added;
    }

    private void PutPiece(ulong iova, int length, ulong second, bool isLast, bool hasSentinel)
    {
        while (length > 0)
        {
            int part = Math.Min(length, TChip.MaxDescriptorData);
            if (hasSentinel && isLast && part == length && part > Sentinel)
            {
                part -= Sentinel;
            }

            length -= part;
            Put(_tail++, iova, second | (uint)part | (isLast && length == 0 ? TransmitDescriptor.EndOfPacket : 0));
            iova += (uint)part;
            hasSentinel &= length > Sentinel;
        }
    }

    private static void Gather(ReadOnlySpan<MemorySegment> data, Span<byte> bytes)
    {
        foreach (ref readonly MemorySegment piece in data)
        {
            int length = Math.Min(piece.Length, bytes.Length);
            piece.Slice(0, length).AsSpan().CopyTo(bytes);
            bytes = bytes[length..];
        }
    }

    private enum Outcome
    {
        Added,
        Refused,
        NoRoom,
    }
}
