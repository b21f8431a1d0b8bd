namespace Makatea.Sel4;

/// <summary>A static executable (ELF-64, x86-64) in memory, checked as a whole before anything of it is used.</summary>
internal readonly unsafe struct ElfProgram
{
    internal const ulong PageSize = 4096;

    /// <summary>Programs lie between these addresses.</summary>
    internal const ulong LowestAddress = 0x1000;
    internal const ulong HighestAddress = 0x7000_0000_0000;

    private const int MaxHeaders = 32;
    private const uint Magic = 0x464c_457f;
    private const uint Class64LittleEndian = 0x0001_0102;
    private const int HeaderLength = 64;
    private const int ProgramHeaderLength = 56;
    private const uint Load = 1;
    private const uint Execute = 1;
    private const uint Write = 2;

    private readonly byte* _image;

    private ElfProgram(byte* image) => _image = image;

    /// <summary>Where it starts.</summary>
    internal ulong Entry => *(ulong*)(_image + 24);

    /// <summary>Number of program headers, for <see cref="TryGetSegment"/>.</summary>
    internal int Headers => *(ushort*)(_image + 56);

    /// <summary>Pages of all that is loaded.</summary>
    internal ulong Pages
    {
        get
        {
            ulong pages = 0;
            for (int i = 0; i < Headers; i++)
            {
                pages += TryGetSegment(i, out ElfSegment segment) ? (segment.EndPage - segment.FirstPage) / PageSize : 0;
            }

            return pages;
        }
    }

    /// <summary>Its first page.</summary>
    internal ulong Start
    {
        get
        {
            for (int i = 0; i < Headers; i++)
            {
                if (TryGetSegment(i, out ElfSegment segment))
                {
                    return segment.FirstPage;
                }
            }

            return 0;
        }
    }

    /// <summary>The page after its last.</summary>
    internal ulong End
    {
        get
        {
            ulong end = 0;
            for (int i = 0; i < Headers; i++)
            {
                end = TryGetSegment(i, out ElfSegment segment) ? segment.EndPage : end;
            }

            return end;
        }
    }

    /// <summary>Where its program headers are once it is loaded, 0 where no segment has them.</summary>
    internal ulong HeadersAddress
    {
        get
        {
            for (int i = 0; i < Headers; i++)
            {
                if (TryGetSegment(i, out ElfSegment segment) && segment.Offset <= HeadersOffset
                    && HeadersOffset + (ulong)(Headers * ProgramHeaderLength) <= segment.Offset + segment.FileLength)
                {
                    return segment.Address + (HeadersOffset - segment.Offset);
                }
            }

            return 0;
        }
    }

    private ulong HeadersOffset => *(ulong*)(_image + 32);

    /// <summary>Checks a program.</summary>
    /// <param name="image">The file, at a multiple of 8.</param>
    /// <param name="length">Its length.</param>
    /// <param name="program">The program, where nothing is wrong with it.</param>
    internal static ElfFault Open(byte* image, ulong length, out ElfProgram program)
    {
        program = default;
        if (length < HeaderLength || *(uint*)image != Magic || (*(uint*)(image + 4) & 0xff_ffff) != Class64LittleEndian)
        {
            return ElfFault.NotElf;
        }

        const ushort Executable = 2;
        const ushort X64 = 62;
        if (*(ushort*)(image + 16) != Executable || *(ushort*)(image + 18) != X64)
        {
            return ElfFault.NotStatic;
        }

        ulong offset = *(ulong*)(image + 32);
        int headers = *(ushort*)(image + 56);
        if (*(ushort*)(image + 54) != ProgramHeaderLength || headers is 0 or > MaxHeaders || offset % 8 != 0 || offset > length || length - offset < (ulong)(headers * ProgramHeaderLength))
        {
            return ElfFault.Headers;
        }

        var candidate = new ElfProgram(image);
        ulong end = LowestAddress;
        bool hasEntry = false;
        for (int i = 0; i < headers; i++)
        {
            if (!candidate.TryGetSegment(i, out ElfSegment segment))
            {
                continue;
            }

            ElfFault fault = Check(segment, length, end);
            if (fault != ElfFault.None)
            {
                return fault;
            }

            end = segment.EndPage;
            hasEntry |= segment.IsCode && candidate.Entry >= segment.Address && candidate.Entry - segment.Address < segment.Length;
        }

        if (!hasEntry)
        {
            return ElfFault.Entry;
        }

        program = candidate;
        return ElfFault.None;
    }

    /// <summary>Reads a program header.</summary>
    /// <returns>False where it is of nothing that is loaded.</returns>
    internal bool TryGetSegment(int header, out ElfSegment segment)
    {
        byte* at = _image + HeadersOffset + (header * ProgramHeaderLength);
        uint flags = *(uint*)(at + 4);
        segment = new ElfSegment
        {
            Offset = *(ulong*)(at + 8),
            Address = *(ulong*)(at + 16),
            FileLength = *(ulong*)(at + 32),
            Length = *(ulong*)(at + 40),
            IsCode = (flags & Execute) != 0,
            IsWritable = (flags & Write) != 0,
        };
        return *(uint*)at == Load && segment.Length != 0;
    }

    /// <summary>Where the file has a page of a segment; the page may begin before the segment does.</summary>
    internal byte* AddressOf(in ElfSegment segment, ulong address) => _image + (segment.Offset & ~(PageSize - 1)) + (address - segment.FirstPage);

    /// <summary>Copies what the program has in a page.</summary>
    /// <param name="segment">A segment of it.</param>
    /// <param name="address">A page of the segment.</param>
    /// <param name="page">Zeroed memory for it.</param>
    internal void CopyPage(in ElfSegment segment, ulong address, byte* page)
    {
        ulong fileEnd = segment.Address + segment.FileLength;
        ulong first = address > segment.Address ? address : segment.Address;
        ulong end = address + PageSize < fileEnd ? address + PageSize : fileEnd;
        for (ulong at = first; at < end; at++)
        {
            page[at - address] = _image[segment.Offset + (at - segment.Address)];
        }
    }

    private static ElfFault Check(in ElfSegment segment, ulong length, ulong end)
    {
        if (segment.FileLength > segment.Length || segment.Offset > length || segment.FileLength > length - segment.Offset)
        {
            return ElfFault.SegmentData;
        }

        if (segment.Address < LowestAddress || segment.Address >= HighestAddress || segment.Length > HighestAddress - segment.Address
            || segment.Address % PageSize != segment.Offset % PageSize)
        {
            return ElfFault.SegmentAddress;
        }

        return segment.FirstPage < end ? ElfFault.SegmentOrder : segment.IsCode && segment.IsWritable ? ElfFault.WritableCode : ElfFault.None;
    }
}
