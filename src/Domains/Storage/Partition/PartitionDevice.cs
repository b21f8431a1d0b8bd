using System.Numerics;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>A range of another device's sectors, such as a partition of a disk.</summary>
public sealed class PartitionDevice : BlockLayer
{
    private readonly ulong _firstSector;
    private readonly ulong _sectorCount;

    /// <summary>Takes over <paramref name="below"/>.</summary>
    /// <param name="below">The disk.</param>
    /// <param name="firstSector">First sector of 512 bytes; a block of the disk starts there.</param>
    /// <param name="sectorCount">Number of sectors of 512 bytes, not 0; whole blocks of the disk.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not of whole blocks inside the disk.</exception>
    public PartitionDevice(BlockDevice below, ulong firstSector, ulong sectorCount)
        : base(below)
    {
        BlockDeviceInfo disk = below.Info;
        ulong blockSectors = (ulong)(disk.BlockSize / SectorSize);
        if (firstSector >= disk.SectorCount || sectorCount == 0 || sectorCount > disk.SectorCount - firstSector)
        {
            throw new ArgumentOutOfRangeException(
                nameof(sectorCount), $"{sectorCount} sectors from {firstSector} are not inside a disk of {disk.SectorCount}; no partition is opened");
        }

        if (firstSector % blockSectors != 0 || sectorCount % blockSectors != 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(firstSector), $"{sectorCount} sectors from {firstSector} are no whole blocks of {disk.BlockSize} bytes; no partition is opened");
        }

        _firstSector = firstSector;
        _sectorCount = sectorCount;
    }

    /// <inheritdoc/>
    public override BlockDeviceInfo Info
    {
        get
        {
            BlockDeviceInfo disk = Below.Info;
            return disk with
            {
                SectorCount = _sectorCount,
                PhysicalBlockSize = Aligned(disk.PhysicalBlockSize),
                DiscardGranularity = disk.DiscardGranularity == 0 ? 0 : Aligned(disk.DiscardGranularity),
            };

            // A unit that the partition's start cuts through is none of the partition's.
            int Aligned(int unit)
            {
                ulong start = _firstSector * SectorSize;
                return start % (ulong)unit == 0 ? unit : Math.Max(disk.BlockSize, (int)Math.Min(1ul << BitOperations.TrailingZeroCount(start), (ulong)unit));
            }
        }
    }

    /// <inheritdoc/>
    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) =>
        new PartitionQueue(Below.OpenQueue(depth, completions), new BlockBounds(Info), _firstSector, depth);
}
