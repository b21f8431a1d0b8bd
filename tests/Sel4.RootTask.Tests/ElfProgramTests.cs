using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Makatea.Sel4.RootTask.Tests;

public sealed unsafe class ElfProgramTests : IDisposable
{
    private const int Length = 0x4000;
    private const int Headers = 64;
    private readonly byte* _image = (byte*)NativeMemory.AlignedAlloc(Length, 4096);

    public ElfProgramTests()
    {
        Bytes.Clear();
        Put32(0, 0x464c_457f);
        Put32(4, 0x0001_0102);
        Put16(16, 2);
        Put16(18, 62);
        Put64(24, 0x40_1010);
        Put64(32, Headers);
        Put16(54, 56);
        Put16(56, 3);
        Segment(0, type: 1, flags: 5, offset: 0x1000, address: 0x40_1000, fileLength: 0x800, length: 0x800);
        Segment(1, type: 0x6474_e551, flags: 6, offset: 0, address: 0, fileLength: 0, length: 0);
        Segment(2, type: 1, flags: 6, offset: 0x2010, address: 0x40_2010, fileLength: 0x1000, length: 0x5000);
        for (int i = 0x1000; i < Length; i++)
        {
            _image[i] = (byte)(i % 251);
        }
    }

    private Span<byte> Bytes => new(_image, Length);

    public void Dispose() => NativeMemory.AlignedFree(_image);

    private void Put16(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Bytes[at..], value);

    private void Put32(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Bytes[at..], value);

    private void Put64(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Bytes[at..], value);

    private void Segment(int index, uint type, uint flags, ulong offset, ulong address, ulong fileLength, ulong length)
    {
        int at = Headers + (index * 56);
        Put32(at, type);
        Put32(at + 4, flags);
        Put64(at + 8, offset);
        Put64(at + 16, address);
        Put64(at + 32, fileLength);
        Put64(at + 40, length);
    }

    private ElfFault Open(out ElfProgram program, ulong length = Length) => ElfProgram.Open(_image, length, out program);

    private ElfFault Open() => Open(out _);

    [Fact]
    public void Its_place_in_memory_is_told()
    {
        Open(out ElfProgram program);
        Assert.Equal((0x40_1000ul, 0x40_8000ul, 1ul + 6), (program.Start, program.End, program.Pages));
        Assert.Equal(0ul, program.HeadersAddress);

        // A linker that puts the headers into the first segment.
        Segment(0, type: 1, flags: 5, offset: 0, address: 0x40_0000, fileLength: 0x1800, length: 0x1800);
        Assert.Equal(ElfFault.None, Open(out program));
        Assert.Equal((0x40_0000ul, 0x40_0000ul + Headers), (program.Start, program.HeadersAddress));
    }

    [Fact]
    public void A_page_is_where_the_file_has_it()
    {
        Open(out ElfProgram program);
        program.TryGetSegment(2, out ElfSegment segment);
        Assert.False(segment.IsWhole);
        Assert.True(program.AddressOf(segment, 0x40_3000) == _image + 0x3000);
        program.TryGetSegment(0, out segment);
        Assert.True(segment.IsWhole);
        Assert.True(program.AddressOf(segment, 0x40_1000) == _image + 0x1000);
    }

    [Fact]
    public void A_program_is_read()
    {
        Assert.Equal(ElfFault.None, Open(out ElfProgram program));
        Assert.Equal((0x40_1010ul, 3), (program.Entry, program.Headers));
        Assert.True(program.TryGetSegment(0, out ElfSegment code));
        Assert.Equal((0x40_1000ul, 0x800ul, true, false), (code.Address, code.Length, code.IsCode, code.IsWritable));
        Assert.False(program.TryGetSegment(1, out _));
        Assert.True(program.TryGetSegment(2, out ElfSegment data));
        Assert.Equal((0x40_2000ul, 0x40_8000ul, false, true), (data.FirstPage, data.EndPage, data.IsCode, data.IsWritable));
    }

    [Fact]
    public void Pages_hold_what_the_file_has_and_zeroes()
    {
        Assert.Equal(ElfFault.None, Open(out ElfProgram program));
        program.TryGetSegment(2, out ElfSegment data);
        var loaded = new List<byte>();
        byte* page = (byte*)NativeMemory.Alloc(4096);
        for (ulong address = data.FirstPage; address < data.EndPage; address += 4096)
        {
            new Span<byte>(page, 4096).Clear();
            program.CopyPage(data, address, page);
            loaded.AddRange(new Span<byte>(page, 4096).ToArray());
        }

        NativeMemory.Free(page);
        byte[] expected = new byte[loaded.Count];
        Bytes.Slice(0x2010, 0x1000).CopyTo(expected.AsSpan(0x10));
        Assert.Equal(expected, loaded);
    }

    [Fact]
    public void What_is_no_program_is_refused()
    {
        Assert.Equal(ElfFault.NotElf, Open(out _, 63));
        Put32(4, 0x0001_0101);
        Assert.Equal(ElfFault.NotElf, Open());
        Put32(4, 0x0001_0102);
        Put16(16, 3);
        Assert.Equal(ElfFault.NotStatic, Open());
        Put16(16, 2);
        Put16(18, 3);
        Assert.Equal(ElfFault.NotStatic, Open());
    }

    [Theory]
    [InlineData(32, Length - 16)]
    [InlineData(32, -8)]
    [InlineData(32, 65)]
    [InlineData(56, 0)]
    [InlineData(56, 33)]
    [InlineData(54, 55)]
    public void Headers_outside_the_file_are_refused(int at, long value)
    {
        if (at == 32)
        {
            Put64(at, (ulong)value);
        }
        else
        {
            Put16(at, (ushort)value);
        }

        Assert.Equal(ElfFault.Headers, Open());
    }

    [Theory]
    [InlineData(6, 0x2010, 0x40_2010, 0x1001, 0x1000, (int)ElfFault.SegmentData)] // more in the file than in memory
    [InlineData(6, 0x2010, 0x40_2010, 0x2000, 0x5000, (int)ElfFault.SegmentData)] // beyond the end
    [InlineData(6, -16, 0x40_2ff0, 0x20, 0x20, (int)ElfFault.SegmentData)] // wraps
    [InlineData(6, 0x2010, 0x40_2020, 0x1000, 0x5000, (int)ElfFault.SegmentAddress)] // elsewhere in its page
    [InlineData(6, 0x2010, 0x10, 0x1000, 0x5000, (int)ElfFault.SegmentAddress)] // the first page
    [InlineData(6, 0x2010, 0x7000_0000_0010, 0x1000, 0x5000, (int)ElfFault.SegmentAddress)] // above all
    [InlineData(6, 0x2010, 0x6fff_ffff_f010, 0x10, 0x5000, (int)ElfFault.SegmentAddress)] // grows above all
    [InlineData(6, 0x2010, 0x40_2010, 0x10, -1, (int)ElfFault.SegmentAddress)] // wraps
    [InlineData(6, 0x2010, 0x40_1010, 0x10, 0x10, (int)ElfFault.SegmentOrder)] // the code's page
    [InlineData(6, 0x2010, 0x30_0010, 0x10, 0x10, (int)ElfFault.SegmentOrder)] // before the code
    [InlineData(7, 0x2010, 0x40_2010, 0x1000, 0x5000, (int)ElfFault.WritableCode)]
    public void Segments_that_cannot_be_are_refused(uint flags, long offset, long address, long fileLength, long length, int fault)
    {
        Segment(2, 1, flags, (ulong)offset, (ulong)address, (ulong)fileLength, (ulong)length);
        Assert.Equal((ElfFault)fault, Open());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0x40_0fff)]
    [InlineData(0x40_1800)]
    [InlineData(0x40_2010)]
    public void A_program_starts_in_its_code(long entry)
    {
        Put64(24, (ulong)entry);
        Assert.Equal(ElfFault.Entry, Open());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Whatever_the_headers_hold_nothing_outside_is_read(int seed)
    {
        var random = new Random(seed);
        byte[] good = Bytes.ToArray();
        byte* page = (byte*)NativeMemory.Alloc(4096);
        int opened = 0;
        for (int i = 0; i < 20_000; i++)
        {
            good.CopyTo(Bytes);
            for (int change = random.Next(1, 4); change > 0; change--)
            {
                _image[random.Next(Headers + (3 * 56))] = (byte)random.Next(256);
            }

            if (Open(out ElfProgram program) != ElfFault.None)
            {
                continue;
            }

            opened++;
            for (int header = 0; header < program.Headers; header++)
            {
                if (program.TryGetSegment(header, out ElfSegment segment))
                {
                    Assert.True(segment.Offset + segment.FileLength <= Length && segment.EndPage <= ElfProgram.HighestAddress + 4096);
                    program.CopyPage(segment, segment.FirstPage, page);
                    program.CopyPage(segment, segment.EndPage - 4096, page);
                }
            }
        }

        NativeMemory.Free(page);
        Assert.InRange(opened, 100, 19_000);
    }
}
