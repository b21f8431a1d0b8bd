using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Where things lie in an overlay's storage, version 1. A grain is the unit that is either the overlay's or still the base's; grain n has the same
/// place in the data area as in the base, so there is nothing to look up and nothing to allocate, and a sparse file holds what was written and no more.
/// <code>
///  0        page                             data offset, a multiple of 1 MiB
///  +--------+--------------------------------+---------+---------+---------+--
///  | header | map: bit n set: grain n is the |         | grain 0 | grain 1 | ...
///  |        | overlay's (LSB first)          | not used|         |         |
///  +--------+--------------------------------+---------+---------+---------+--
///
///  header, little-endian:
///   0 magic "MKOVERLY"     8 version (1)        12 grain size in bytes
///  16 sectors of the base 24 map offset, bytes  32 data offset, bytes
///  40 overlay's GUID      56 CRC-32 of the base's first 64 KiB   60 of its last 64 KiB
///  64 CRC-32 of bytes 0 to 63
/// </code>
/// A volatile overlay has the same layout with neither header nor map written.
/// </summary>
/// <remarks>
/// The map on storage may only ever name grains whose data is durable. Bits are set, never cleared, and each stands for itself, so the map needs no checksum and a
/// page of it that was written in part is as good as either version.
/// </remarks>
internal sealed record OverlayFormat(ulong SectorCount, int GrainSize, int PageSize)
{
    public const int MinGrain = 4096;
    public const int HeaderLength = 68;
    private const ulong DataAlignment = 1 << 20;
    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "MKOVERLY"u8;

    public uint GrainSectors => (uint)(GrainSize / BlockDevice.SectorSize);

    public long Grains => (long)((SectorCount + GrainSectors - 1) / GrainSectors);

    public ulong MapOffset => (ulong)PageSize;

    /// <summary>Length of the map in bytes, whole pages.</summary>
    public long MapLength => RoundUp((ulong)(Grains + 7) / 8, (ulong)PageSize);

    public ulong DataOffset => (ulong)RoundUp(MapOffset + (ulong)MapLength, DataAlignment);

    public ulong RequiredSectors => (DataOffset / BlockDevice.SectorSize) + ((ulong)Grains * GrainSectors);

    /// <summary>The layout for a base and a storage of these kinds.</summary>
    public static OverlayFormat For(ulong baseSectors, int baseBlockSize, int storageBlockSize)
    {
        int blockSize = Math.Max(baseBlockSize, storageBlockSize);
        ulong sectors = baseSectors & ~((ulong)(blockSize / BlockDevice.SectorSize) - 1);
        return new OverlayFormat(sectors, Math.Max(blockSize, MinGrain), Math.Max(storageBlockSize, MinGrain));
    }

    public byte[] EncodeHeader(Guid id, BaseFingerprint fingerprint)
    {
        byte[] page = new byte[PageSize];
        Span<byte> header = page;
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], (uint)GrainSize);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], SectorCount);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], MapOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], DataOffset);
        id.TryWriteBytes(header[40..]);
        BinaryPrimitives.WriteUInt32LittleEndian(header[56..], fingerprint.First);
        BinaryPrimitives.WriteUInt32LittleEndian(header[60..], fingerprint.Last);
        BinaryPrimitives.WriteUInt32LittleEndian(header[64..], Crc32.Of(header[..64]));
        return page;
    }

    /// <summary>Checks the header of a storage that has one.</summary>
    /// <returns>The overlay's GUID.</returns>
    /// <exception cref="OverlayException">It is of something else, or of an overlay over another base.</exception>
    public Guid CheckHeader(ReadOnlySpan<byte> header, BaseFingerprint fingerprint)
    {
        Require(header.StartsWith(Magic), "it does not start as an overlay does and is not empty");
        uint version = U32(header, 8);
        Require(version == Version, $"its version is {version}; this program knows version {Version}");
        uint crc = Crc32.Of(header[..64]);
        Require(U32(header, 64) == crc, $"its header's CRC-32 is 0x{U32(header, 64):x8}, and the header has 0x{crc:x8}");
        Require(U64(header, 16) == SectorCount, $"it was made for a base of {U64(header, 16)} sectors, and the base has {SectorCount}");
        Require(
            U32(header, 12) == (uint)GrainSize && U64(header, 24) == MapOffset && U64(header, 32) == DataOffset,
            $"its grains of {U32(header, 12)} bytes, map at {U64(header, 24)} and data at {U64(header, 32)} are not those for these block sizes: {GrainSize}, {MapOffset}, {DataOffset}");
        Require(
            U32(header, 56) == fingerprint.First && U32(header, 60) == fingerprint.Last,
            "the base's contents changed since the overlay was made; an overlay is of no use with another base than its own");
        return new Guid(header.Slice(40, 16));
    }

    private static long RoundUp(ulong value, ulong unit) => (long)((value + unit - 1) / unit * unit);

    private static uint U32(ReadOnlySpan<byte> header, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(header[offset..]);

    private static ulong U64(ReadOnlySpan<byte> header, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(header[offset..]);

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new OverlayException($"the storage cannot be used as an overlay: {otherwise}");
        }
    }
}
