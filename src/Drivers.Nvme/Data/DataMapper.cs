using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>
/// Finds words for a command's data: pages where they can name it, else a scatter-gather list, else pages for the part that they can name, else a buffer of ours and a
/// copy. Each command has a list of its own in memory that was mapped at the start.
/// </summary>
internal sealed class DataMapper : IDisposable
{
    /// <summary>Length of a command's list: 256 pages and the one in the command, or 128 descriptors.</summary>
    internal const int ListLength = 2048;

    /// <summary>Most bytes of a command, wherever they start in a page.</summary>
    internal const int MaxTransfer = ListLength / sizeof(ulong) * 4096;

    /// <summary>No buffer is free; one will be when a command completed.</summary>
    internal const int Wait = 0;

    /// <summary>The scatter list is shorter than the request.</summary>
    internal const int Malformed = -1;

    private readonly DmaSpace _space;
    private readonly DmaMemory _listMemory;
    private readonly PrpWriter _prps;
    private readonly SglWriter _sgls;
    private int _hint;

    internal DataMapper(DmaSpace space, int slots, int sglAlignment, int bounceLength)
    {
        _space = space;
        _listMemory = space.Allocate((ulong)slots * ListLength);
        SharedMemory lists = _listMemory.View(0, slots * ListLength);
        _prps = new PrpWriter(space, lists, _listMemory.Iova);
        _sgls = new SglWriter(space, lists, _listMemory.Iova, sglAlignment);
        try
        {
            Bounce = new BouncePool(space, bounceLength);
        }
        catch
        {
            _listMemory.Dispose();
            throw;
        }
    }

    internal BouncePool Bounce { get; }

    /// <summary>Fills in the data pointer for as much of the data as goes into one command, in whole blocks, and moves the cursor behind it.</summary>
    /// <param name="entry">The command; its opcode is set.</param>
    /// <param name="slot">Whose list may be used.</param>
    /// <param name="data">The scatter list.</param>
    /// <param name="cursor">Where in it the command starts.</param>
    /// <param name="wanted">Bytes, whole blocks, at most <see cref="MaxTransfer"/>.</param>
    /// <param name="blockSize">Block size.</param>
    /// <param name="bounce">The buffer that is used, or -1.</param>
    /// <returns>Bytes, or <see cref="Wait"/>, or <see cref="Malformed"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Map(ref SubmissionEntry entry, int slot, in ScatterList data, ref ScatterCursor cursor, int wanted, int blockSize, out int bounce)
    {
        ReadOnlySpan<MemorySegment> segments = data.AsSpan();
        if ((uint)cursor.Segment < (uint)segments.Length)
        {
            MemorySegment segment = segments[cursor.Segment];
            if (segment.Length - cursor.Offset >= wanted
                && _space.TryTranslate(segment.Address + cursor.Offset, wanted, ref _hint, out ulong iova) && (iova & 3) == 0)
            {
                _prps.WriteContiguous(ref entry, slot, iova, wanted);
                cursor.Offset += wanted;
                bounce = -1;
                return wanted;
            }
        }

        return MapPieces(ref entry, slot, segments, ref cursor, wanted, blockSize, out bounce);
    }

    /// <summary>Writes the one range of a Dataset Management command ([NVM-1.1] Figure 44) into the command's list.</summary>
    internal void WriteRange(ref SubmissionEntry entry, int slot, ulong firstBlock, uint blocks)
    {
        Span<byte> range = _listMemory.Slice((ulong)slot * ListLength, 16).AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(range, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(range[4..], blocks);
        BinaryPrimitives.WriteUInt64LittleEndian(range[8..], firstBlock);
        entry.Data1 = _listMemory.Iova + ((ulong)slot * ListLength);
    }

    public void Dispose()
    {
        Bounce.Dispose();
        _listMemory.Dispose();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int MapPieces(
        ref SubmissionEntry entry, int slot, ReadOnlySpan<MemorySegment> segments, ref ScatterCursor cursor, int wanted, int blockSize, out int bounce)
    {
        bounce = -1;
        int length = _prps.Write(ref entry, slot, segments, cursor, wanted, blockSize);
        if (length != wanted && _sgls.IsSupported)
        {
            int described = _sgls.Write(ref entry, slot, segments, cursor, wanted, blockSize);

            // Both write into the one list, so pages are named again where descriptors name nothing.
            length = described > 0 ? described : length == 0 ? 0 : _prps.Write(ref entry, slot, segments, cursor, length, blockSize);
        }

        if (length == 0)
        {
            return MapBounce(ref entry, slot, segments, ref cursor, Math.Min(wanted, BouncePool.BufferLength), out bounce);
        }

        return cursor.TryAdvance(segments, length) ? length : Malformed;
    }

    private int MapBounce(ref SubmissionEntry entry, int slot, ReadOnlySpan<MemorySegment> segments, ref ScatterCursor cursor, int length, out int bounce)
    {
        bounce = -1;
        ScatterCursor start = cursor;
        ScatterCursor end = cursor;
        if (!end.TryAdvance(segments, length))
        {
            return Malformed;
        }

        if (!Bounce.TryRent(out bounce))
        {
            return Wait;
        }

        if ((NvmOpcode)(byte)entry.Command != NvmOpcode.Read)
        {
            Bounce.Fill(bounce, segments, start, length);
        }

        _prps.WriteContiguous(ref entry, slot, Bounce.IovaOf(bounce), length);
        cursor = end;
        return length;
    }
}
