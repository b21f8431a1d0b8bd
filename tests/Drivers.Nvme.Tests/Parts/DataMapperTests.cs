using System.Buffers.Binary;
using Makatea.NvmeModel;
using Makatea.Platform;

namespace Makatea.Drivers.Nvme.Tests.Parts;

/// <summary>Which words are found for scatter lists of every shape, checked by following them as a controller does.</summary>
[Trait("Category", "Long")]
public sealed class DataMapperTests : IDisposable
{
    private const int Length = 4 << 20;
    private readonly ModelDmaSpace _space = new();
    private readonly DmaMemory _memory;
    private readonly NativeArray<byte> _elsewhere = new(1 << 20);
    private readonly NativeArray<MemorySegment> _segments = new(512);

    public DataMapperTests() => _memory = _space.Allocate(Length);

    [Theory]
    [InlineData(0, 4096, 0)]
    [InlineData(512, 3584, 0)]
    [InlineData(512, 4096, 1)]
    [InlineData(0, 8192, 1)]
    [InlineData(4, 8192, 2)]
    [InlineData(0, 12288, 2)]
    [InlineData(4092, DataMapper.MaxTransfer, 256)]
    public void Consecutive_bytes_are_named_by_pages(int offset, int length, int others)
    {
        using var mapper = new DataMapper(_space, 2, 0, 65536);
        (SubmissionEntry entry, int mapped, _) = Map(mapper, 0, length, [_memory.Slice((ulong)offset, length)], 512);
        Assert.Equal(length, mapped);
        Assert.Equal(_memory.Iova + (ulong)offset, entry.Data1);
        Assert.Equal([.. Enumerable.Range(1, others).Select(i => _memory.Iova + (4096ul * (ulong)i))], OtherPages(entry, others));
        Assert.Equal(0, mapper.Bounce.CopiedBytes);
    }

    [Fact]
    public void Pieces_that_meet_at_pages_are_named_by_pages()
    {
        using var mapper = new DataMapper(_space, 1, 0, 65536);
        (SubmissionEntry entry, int mapped, _) = Map(
            mapper, 0, 11264, [_memory.Slice(0x3600, 2560), _memory.Slice(0x9000, 4096), _memory.Slice(0, 0), _memory.Slice(0x1000, 4096), _memory.Slice(0x2000, 512)], 512);
        Assert.Equal(11264, mapped);
        Assert.Equal(_memory.Iova + 0x3600, entry.Data1);
        Assert.Equal([_memory.Iova + 0x9000, _memory.Iova + 0x1000, _memory.Iova + 0x2000], OtherPages(entry, 3));
    }

    [Fact]
    public void What_pages_cannot_name_is_split_at_a_block()
    {
        using var mapper = new DataMapper(_space, 1, 0, 65536);
        (SubmissionEntry entry, int mapped, int bounce) = Map(mapper, 0, 2048, [_memory.Slice(0x1000, 1536), _memory.Slice(0x5200, 512)], 512);
        Assert.Equal((1536, -1), (mapped, bounce));
        Assert.Equal((_memory.Iova + 0x1000, 0ul), (entry.Data1, entry.Data2));
    }

    [Fact]
    public void Where_pages_name_no_block_bytes_are_copied()
    {
        using var mapper = new DataMapper(_space, 1, 0, 65536);
        (_, int mapped, int bounce) = Map(mapper, 0, 1024, [_memory.Slice(0x1001, 1024)], 512);
        Assert.Equal((1024, 0), (mapped, bounce));
        Assert.Equal(1024, mapper.Bounce.CopiedBytes);
    }

    [Theory]
    [InlineData(1, 0x1001, true)]
    [InlineData(4, 0x1001, false)]
    [InlineData(4, 0x1004, true)]
    public void Lists_name_what_their_alignment_allows(int alignment, int offset, bool named)
    {
        using var mapper = new DataMapper(_space, 1, alignment, 65536);
        (SubmissionEntry entry, int mapped, int bounce) = Map(mapper, 0, 1024, [_memory.Slice((ulong)offset, 512), _memory.Slice(0x8000, 512)], 1024);
        Assert.Equal((1024, named ? -1 : 0), (mapped, bounce));
        Assert.Equal(named, (entry.Command & SubmissionEntry.UsesSgl) != 0);
    }

    [Fact]
    public void Without_a_free_buffer_a_command_waits()
    {
        using var mapper = new DataMapper(_space, 2, 0, 65536);
        MemorySegment[] data = [_elsewhere.AsSegment(0, 512)];
        Assert.Equal((512, 0), (Map(mapper, 0, 512, data, 512).Length, Map(mapper, 1, 512, data, 512).Length));
        mapper.Bounce.Return(0);
        Assert.Equal(512, Map(mapper, 1, 512, data, 512).Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_list_that_is_too_short_is_noticed(int alignment)
    {
        using var mapper = new DataMapper(_space, 1, alignment, 65536);
        Assert.Equal(DataMapper.Malformed, Map(mapper, 0, 1024, [_memory.Slice(0, 511)], 512).Length);
        Assert.Equal(DataMapper.Malformed, Map(mapper, 0, 512, [], 512).Length);
        Assert.Equal(DataMapper.Malformed, Map(mapper, 0, 1024, [_elsewhere.AsSegment(0, 512)], 512).Length);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 4)]
    public void Random_lists_are_named_byte_for_byte(int seed, int alignment)
    {
        var random = new Random(seed);
        using var mapper = new DataMapper(_space, 4, alignment, 4 * 65536);
        for (int round = 0; round < 500; round++)
        {
            int blockSize = random.Next(2) == 0 ? 512 : 4096;
            int wanted = blockSize * random.Next(1, 40);
            MemorySegment[] pieces = [.. Pieces(random, wanted)];
            (SubmissionEntry entry, int length, int bounce) = Map(mapper, round % 4, wanted, pieces, blockSize);
            Assert.InRange(length, blockSize, wanted);
            Assert.Equal(0, length % blockSize);
            Assert.True(bounce < 0 || length == Math.Min(wanted, 65536));
            if (bounce >= 0)
            {
                mapper.Bounce.Return(bounce);
                continue;
            }

            Assert.Equal(Addresses(pieces).Take(length), Follow(entry, length));
        }
    }

    public void Dispose()
    {
        _memory.Dispose();
        _elsewhere.Dispose();
        _segments.Dispose();
    }

    private (SubmissionEntry Entry, int Length, int Bounce) Map(DataMapper mapper, int slot, int wanted, MemorySegment[] pieces, int blockSize)
    {
        for (int i = 0; i < pieces.Length; i++)
        {
            _segments[i] = pieces[i];
        }

        var entry = new SubmissionEntry { Command = (uint)NvmOpcode.Write };
        ScatterCursor cursor = default;
        int length = mapper.Map(ref entry, slot, ScatterList.Of(_segments, 0, pieces.Length), ref cursor, wanted, blockSize, out int bounce);
        return (entry, length, bounce);
    }

    private IEnumerable<MemorySegment> Pieces(Random random, int length)
    {
        int count = 0;
        while (length > 0)
        {
            int piece = count++ > 300 ? length : Math.Min(length, random.Next(5) switch { 0 => random.Next(1, 600), 1 => 4 * random.Next(1, 900), 2 => 512 * random.Next(1, 20), _ => 4096 * random.Next(1, 4) });
            int offset = random.Next(3) == 0 ? random.Next(Length - piece) : random.Next((Length - piece) / 4096) * 4096;
            length -= piece;
            yield return random.Next(40) == 0 ? _elsewhere.AsSegment(random.Next(1000), piece) : _memory.Slice((ulong)offset, piece);
        }
    }

    private IEnumerable<ulong> Addresses(MemorySegment[] pieces)
    {
        foreach (MemorySegment piece in pieces)
        {
            ulong first = (ulong)piece.Address - (ulong)_memory.Address;
            for (int i = 0; i < piece.Length; i++)
            {
                yield return _memory.Iova + first + (ulong)i;
            }
        }
    }

    private ulong[] OtherPages(SubmissionEntry entry, int count) => count switch
    {
        0 when entry.Data2 == 0 => [],
        1 => [entry.Data2],
        _ => [.. Enumerable.Range(0, count).Select(i => BinaryPrimitives.ReadUInt64LittleEndian(_space.Resolve(entry.Data2 + (8ul * (ulong)i), 8).AsSpan()))],
    };

    private List<ulong> Follow(SubmissionEntry entry, int length)
    {
        var bytes = new List<ulong>(length);
        if ((entry.Command & SubmissionEntry.UsesSgl) != 0)
        {
            bool isList = entry.Data2 >> 56 == 0x30;
            Assert.True(isList || entry.Data2 >> 56 == 0);
            int count = isList ? (int)(uint)entry.Data2 / 16 : 1;
            for (int i = 0; i < count; i++)
            {
                ulong address = isList ? BinaryPrimitives.ReadUInt64LittleEndian(_space.Resolve(entry.Data1 + (16ul * (ulong)i), 8).AsSpan()) : entry.Data1;
                ulong described = isList ? BinaryPrimitives.ReadUInt64LittleEndian(_space.Resolve(entry.Data1 + (16ul * (ulong)i) + 8, 8).AsSpan()) : entry.Data2;
                bytes.AddRange(Enumerable.Range(0, (int)described).Select(b => address + (ulong)b));
            }

            return bytes;
        }

        int inFirst = Math.Min(length, 4096 - (int)(entry.Data1 & 4095));
        bytes.AddRange(Enumerable.Range(0, inFirst).Select(b => entry.Data1 + (ulong)b));
        foreach (ulong page in OtherPages(entry, (length - inFirst + 4095) / 4096))
        {
            Assert.Equal(0ul, page & 4095);
            bytes.AddRange(Enumerable.Range(0, Math.Min(4096, length - bytes.Count)).Select(b => page + (ulong)b));
        }

        return bytes;
    }
}
