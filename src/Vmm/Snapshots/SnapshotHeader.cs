using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Vmm.Snapshots;

/// <summary>
/// The first page of a snapshot's file, words of 64 bits. Behind it is the guest's memory, all of it in the order of its addresses, where pages of zeroes are holes; and behind that the state.
/// <code>
/// 0   "MAKATEAS"
/// 8   version of the form
/// 16  bytes of memory, which starts at 4096
/// 24  CRC-32C of the pages that are there, one after the other
/// 32  bytes of state, to the end of the file
/// 40  CRC-32C of the state
/// 48  CRC-32C of what is above
/// </code>
/// The header is written last: a file that was not finished has none.
/// </summary>
/// <param name="Memory">Bytes of memory.</param>
/// <param name="MemoryChecksum">Checksum of its pages.</param>
/// <param name="State">Bytes of state.</param>
/// <param name="StateChecksum">Checksum of the state.</param>
internal readonly record struct SnapshotHeader(ulong Memory, uint MemoryChecksum, int State, uint StateChecksum)
{
    /// <summary>Length of the header, and of a page.</summary>
    public const int Length = 4096;

    /// <summary>This form.</summary>
    public const ulong Version = 1;

    /// <summary>The most state that a snapshot has: 255 processors, and a bit for each page of 4 TiB of memory.</summary>
    public const int MostState = 256 << 20;

    private const int Used = 56;
    private const ulong MostMemory = 1UL << 52;
    private static readonly ulong _magic = BinaryPrimitives.ReadUInt64LittleEndian("MAKATEAS"u8);

    /// <summary>Where the state is in the file.</summary>
    public long StateOffset => Length + (long)Memory;

    /// <summary>Reads a header.</summary>
    /// <param name="page">The first page of a file.</param>
    /// <param name="fileLength">Length of the file.</param>
    /// <exception cref="InvalidDataException">This is no snapshot, or a damaged one.</exception>
    public static SnapshotHeader Read(ReadOnlyMemory<byte> page, long fileLength)
    {
        if (page.Length < Used || BinaryPrimitives.ReadUInt64LittleEndian(page.Span) != _magic)
        {
            throw new InvalidDataException($"this is no snapshot of a qube, or one that was not finished: {fileLength} bytes that begin with {Convert.ToHexStringLower(page.Span[..Math.Min(8, page.Length)])}, not with 'MAKATEAS'");
        }

        var reader = new StateReader("a snapshot's header", page[8..Used]);
        ulong version = reader.Read();
        if (version != Version)
        {
            throw new InvalidDataException($"the snapshot has form {version}; form {Version} is known here");
        }

        uint checksum = Checksum.Of(page.Span[..(Used - sizeof(ulong))]);
        if (BinaryPrimitives.ReadUInt64LittleEndian(page.Span[(Used - sizeof(ulong))..]) != checksum)
        {
            throw new InvalidDataException("the snapshot's header is damaged: its checksum differs");
        }

        SnapshotHeader header = new(reader.Read(MostMemory), reader.ReadUInt32(), (int)reader.Read(MostState), reader.ReadUInt32());
        return header.Memory % Length == 0 && header.StateOffset + header.State == fileLength
            ? header
            : throw new InvalidDataException($"the snapshot has {fileLength} bytes; with {header.Memory} bytes of memory and {header.State} of state it would have {header.StateOffset + header.State}");
    }

    /// <summary>Makes the first page.</summary>
    public byte[] ToPage()
    {
        var writer = new StateWriter();
        writer.Write(_magic);
        writer.Write(Version);
        writer.Write(Memory);
        writer.Write(MemoryChecksum);
        writer.Write(State);
        writer.Write(StateChecksum);
        writer.Write(Checksum.Of(writer.Written.Span));
        byte[] page = new byte[Length];
        writer.Written.CopyTo(page);
        return page;
    }
}
