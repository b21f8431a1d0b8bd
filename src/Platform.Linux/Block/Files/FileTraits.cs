namespace Makatea.Platform.Linux;

/// <summary>What was found out about a file when it was opened.</summary>
internal sealed record FileTraits
{
    /// <summary>Size in whole blocks, in sectors of 512 bytes.</summary>
    internal required ulong SectorCount { get; init; }

    /// <summary>Block size that the device shows, in bytes.</summary>
    internal required int BlockSize { get; init; }

    /// <summary>Unit that the host writes without reading first, in bytes.</summary>
    internal int PhysicalBlockSize { get; init; } = 512;

    /// <summary>Best size of a request in bytes, or 0.</summary>
    internal int OptimalIoSize { get; init; }

    /// <summary>Nothing may be written.</summary>
    internal bool IsReadOnly { get; init; }

    /// <summary>It is a block device of the host, not a file.</summary>
    internal bool IsBlockSpecial { get; init; }

    /// <summary>Its bytes are in memory (tmpfs, ramfs, memfd): no request waits for a disk.</summary>
    internal bool IsInMemory { get; init; }

    /// <summary>Reads and writes go past the page cache, so addresses are multiples of <see cref="MemoryAlignment"/>.</summary>
    internal bool IsDirect { get; init; }

    /// <summary>What addresses and lengths in memory must be multiples of, in bytes; 1 where it does not matter.</summary>
    internal int MemoryAlignment { get; init; } = 1;

    /// <summary>Somebody may cut the file off: it is neither a block device nor sealed.</summary>
    internal bool CanShrink { get; init; }

    /// <summary>fallocate punches holes.</summary>
    internal bool CanPunch { get; init; }

    /// <summary>Granularity of discard in bytes; 0 where it is not done.</summary>
    internal int DiscardGranularity { get; init; }

    /// <summary>BLKSECDISCARD is done.</summary>
    internal bool CanSecureErase { get; init; }

    /// <summary>What the device shows to its users.</summary>
    internal BlockDeviceInfo ToInfo(ulong sectorCount) => new()
    {
        SectorCount = sectorCount,
        IsReadOnly = IsReadOnly,
        BlockSize = BlockSize,
        PhysicalBlockSize = PhysicalBlockSize,
        OptimalIoSize = OptimalIoSize,
        HasVolatileCache = !IsReadOnly,
        DiscardGranularity = DiscardGranularity,
        SupportsWriteZeroes = !IsReadOnly,
        SupportsSecureErase = CanSecureErase,
    };
}
