using System.Buffers.Binary;

namespace Makatea.Virtio.Testing;

/// <summary>Configuration space of a virtio-blk device as a driver reads it: struct virtio_blk_config ([VIRTIO-1.3] 5.2.4).</summary>
public sealed record BlkConfig
{
    /// <summary>Length in bytes without the zoned fields.</summary>
    public const int Length = 72;

    /// <summary>Offset of <see cref="Writeback"/>, the one field that can be written.</summary>
    public const int WritebackOffset = 32;

    private readonly byte[] _bytes;

    /// <summary>Parses configuration space.</summary>
    public BlkConfig(ReadOnlySpan<byte> bytes) => _bytes = bytes[..Length].ToArray();

    /// <summary>Sectors of 512 bytes.</summary>
    public ulong Capacity => BinaryPrimitives.ReadUInt64LittleEndian(_bytes);

    /// <summary>Largest segment in bytes.</summary>
    public uint SizeMax => UInt32(8);

    /// <summary>Most data segments of a request.</summary>
    public uint SegmentMax => UInt32(12);

    /// <summary>Block size in bytes.</summary>
    public uint BlockSize => UInt32(20);

    /// <summary>Logical blocks in a physical one, as a power of two.</summary>
    public byte PhysicalBlockExponent => _bytes[24];

    /// <summary>Suggested largest request in blocks.</summary>
    public uint OptimalIoSize => UInt32(28);

    /// <summary>Cache mode: 1 writeback, 0 writethrough.</summary>
    public byte Writeback => _bytes[WritebackOffset];

    /// <summary>Number of queues.</summary>
    public ushort QueueCount => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(34));

    /// <summary>Most sectors of one range to discard.</summary>
    public uint MaxDiscardSectors => UInt32(36);

    /// <summary>Most ranges of one discard.</summary>
    public uint MaxDiscardSegments => UInt32(40);

    /// <summary>Alignment of ranges to discard in sectors.</summary>
    public uint DiscardSectorAlignment => UInt32(44);

    /// <summary>Most sectors of one range to zero.</summary>
    public uint MaxWriteZeroesSectors => UInt32(48);

    /// <summary>Most ranges of one write-zeroes request.</summary>
    public uint MaxWriteZeroesSegments => UInt32(52);

    /// <summary>Whether a write-zeroes request may deallocate.</summary>
    public byte WriteZeroesMayUnmap => _bytes[56];

    /// <summary>Most sectors of one range to erase.</summary>
    public uint MaxSecureEraseSectors => UInt32(60);

    /// <summary>Most ranges of one secure erase.</summary>
    public uint MaxSecureEraseSegments => UInt32(64);

    private uint UInt32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset));
}
