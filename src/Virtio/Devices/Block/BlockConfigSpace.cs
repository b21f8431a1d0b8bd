using System.Buffers.Binary;
using System.Numerics;
using Makatea.Platform;

namespace Makatea.Virtio.Block;

/// <summary>
/// Configuration space, struct virtio_blk_config ([VIRTIO-1.3] 5.2.4).
/// <code>
///  0: le64 capacity | 8: le32 size_max | 12: le32 seg_max | 16: geometry (le16 cylinders, u8 heads, u8 sectors)
/// 20: le32 blk_size | 24: topology (u8 physical_block_exp, u8 alignment_offset, le16 min_io_size, le32 opt_io_size)
/// 32: u8 writeback | 33: u8 unused | 34: le16 num_queues
/// 36: le32 max_discard_sectors | 40: le32 max_discard_seg | 44: le32 discard_sector_alignment
/// 48: le32 max_write_zeroes_sectors | 52: le32 max_write_zeroes_seg | 56: u8 write_zeroes_may_unmap | 57: u8 unused[3]
/// 60: le32 max_secure_erase_sectors | 64: le32 max_secure_erase_seg | 68: le32 secure_erase_sector_alignment
/// </code>
/// The zoned fields that follow are not offered.
/// </summary>
internal static class BlockConfigSpace
{
    /// <summary>Length in bytes.</summary>
    public const int Length = 72;

    /// <summary>Offset of the one field that the driver may write.</summary>
    public const int WritebackOffset = 32;

    /// <summary>Fills configuration space.</summary>
    public static void Write(Span<byte> config, BlockDeviceInfo info, ulong features, int queues, bool writeback)
    {
        config.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(config, info.SectorCount);
        BinaryPrimitives.WriteUInt32LittleEndian(config[12..], BlockLimits.MaxSegments);
        BinaryPrimitives.WriteUInt32LittleEndian(config[20..], (uint)info.BlockSize);
        config[24] = (byte)BitOperations.Log2((uint)(info.PhysicalBlockSize / info.BlockSize));
        BinaryPrimitives.WriteUInt16LittleEndian(config[26..], (ushort)Math.Min(ushort.MaxValue, info.PhysicalBlockSize / info.BlockSize));
        BinaryPrimitives.WriteUInt32LittleEndian(config[28..], (uint)(info.OptimalIoSize / info.BlockSize));
        config[WritebackOffset] = writeback ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt16LittleEndian(config[34..], (ushort)queues);
        if ((features & BlockFeatures.Discard) != 0)
        {
            WriteRange(config[36..], Math.Max(1, info.DiscardGranularity / BlockDevice.SectorSize));
        }

        if ((features & BlockFeatures.WriteZeroes) != 0)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(config[48..], BlockLimits.MaxRangeSectors);
            BinaryPrimitives.WriteUInt32LittleEndian(config[52..], 1);
            config[56] = 1;
        }

        if ((features & BlockFeatures.SecureErase) != 0)
        {
            WriteRange(config[60..], info.BlockSize / BlockDevice.SectorSize);
        }
    }

    private static void WriteRange(Span<byte> fields, int alignment)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(fields, BlockLimits.MaxRangeSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[4..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[8..], (uint)alignment);
    }
}
