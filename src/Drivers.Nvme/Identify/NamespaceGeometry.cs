namespace Makatea.Drivers.Nvme;

/// <summary>
/// A namespace in the form that the data path needs, and what tells it from another ([NVM-1.1] Figure 114, Identify Namespace). Immutable: a change makes a new one.
/// </summary>
internal sealed record NamespaceGeometry
{
    /// <summary>Blocks of 64 KiB are the largest that the block contract has.</summary>
    private const int MaxBlockShift = 16;

    internal required uint NamespaceId { get; init; }

    /// <summary>The block size is two to this many bytes.</summary>
    internal required int BlockShift { get; init; }

    /// <summary>Size in sectors of 512 bytes.</summary>
    internal required ulong SectorCount { get; init; }

    internal required bool IsReadOnly { get; init; }

    /// <summary>Bytes that are best written together (NPWG); the block size where nothing is said.</summary>
    internal required int WriteGranularity { get; init; }

    /// <summary>Bytes that are best deallocated together (NPDG).</summary>
    internal required int DeallocateGranularity { get; init; }

    /// <summary>Optimal write size in bytes (NOWS), or 0.</summary>
    internal required int OptimalWrite { get; init; }

    /// <summary>Write Zeroes may deallocate (DLFEAT bit 3), and deallocated blocks read as zeroes (DLFEAT 2:0 = 001b).</summary>
    internal required bool CanDeallocateZeroes { get; init; }

    /// <summary>UUID, else NGUID, else EUI64; empty where the namespace has none.</summary>
    internal required string Identifier { get; init; }

    /// <summary>Block sizes that it can be formatted with, without metadata.</summary>
    internal required int[] BlockSizes { get; init; }

    internal int BlockSize => 1 << BlockShift;

    /// <summary>Log 2 of sectors to a block.</summary>
    internal int SectorShift => BlockShift - 9;

    /// <summary>Whether what is stored under <paramref name="other"/>'s addresses is the same namespace's in the same format.</summary>
    internal bool IsSameDisk(NamespaceGeometry other) =>
        NamespaceId == other.NamespaceId && BlockShift == other.BlockShift && Identifier == other.Identifier;

    /// <exception cref="NvmeException">The namespace has a format that the driver does not use, or contradicts the standard.</exception>
    internal static NamespaceGeometry Parse(uint namespaceId, ReadOnlySpan<byte> data, string uuid)
    {
        var reader = new IdentifyReader(data);
        byte formatted = reader.Byte(26);
        int format = (formatted & 0xf) | ((formatted >> 1) & 0x30);
        int formats = Math.Min(reader.Byte(25) + 1, 64);
        if (format >= formats)
        {
            throw Broken(namespaceId, $"is in format {format} of {formats}");
        }

        uint description = reader.UInt32(128 + (4 * format));
        int shift = (int)((description >> 16) & 0xff);
        if ((ushort)description != 0)
        {
            throw new NvmeException(
                NvmeFault.Unsupported, $"namespace {namespaceId} stores {(ushort)description} bytes of metadata with each block; format it without to use it");
        }

        if (shift is < 9 or > MaxBlockShift)
        {
            throw Broken(namespaceId, $"has blocks of 2^{shift} bytes; 2^9 to 2^{MaxBlockShift} are supported");
        }

        ulong blocks = reader.UInt64(0);
        if (blocks > ulong.MaxValue >> shift)
        {
            throw Broken(namespaceId, $"says that it has {blocks} blocks of 2^{shift} bytes, more than addresses reach");
        }

        byte features = reader.Byte(24);
        bool saysOptimal = (features & (1 << 4)) != 0;
        return new NamespaceGeometry
        {
            NamespaceId = namespaceId,
            BlockShift = shift,
            SectorCount = blocks << (shift - 9),
            IsReadOnly = (reader.Byte(99) & 1) != 0,
            WriteGranularity = Granularity(saysOptimal ? reader.UInt16(64) : 0, shift),
            DeallocateGranularity = Granularity(saysOptimal ? reader.UInt16(68) : 0, shift),
            OptimalWrite = saysOptimal ? OptimalSize(reader.UInt16(72), shift) : 0,
            CanDeallocateZeroes = (reader.Byte(33) & 0xf) == 0x9,
            Identifier = uuid.Length != 0 ? uuid : NamespaceIdentifier.Read(reader),
            BlockSizes = ReadBlockSizes(reader, formats),
        };
    }

    private static NvmeException Broken(uint namespaceId, string what) => new(NvmeFault.Protocol, $"namespace {namespaceId} {what}");

    /// <summary>0's based blocks in bytes; the contract wants a power of two, so any other says nothing.</summary>
    private static int Granularity(int zeroBased, int shift)
    {
        long bytes = ((long)zeroBased + 1) << shift;
        return long.IsPow2(bytes) && bytes <= 1 << 30 ? (int)bytes : 1 << shift;
    }

    private static int OptimalSize(ushort zeroBased, int shift)
    {
        long bytes = ((long)zeroBased + 1) << shift;
        return bytes <= 1 << 30 ? (int)bytes : 0;
    }

    private static int[] ReadBlockSizes(IdentifyReader reader, int formats)
    {
        var sizes = new SortedSet<int>();
        for (int i = 0; i < formats; i++)
        {
            uint description = reader.UInt32(128 + (4 * i));
            int shift = (int)((description >> 16) & 0xff);
            if ((ushort)description == 0 && shift is >= 9 and <= MaxBlockShift)
            {
                sizes.Add(1 << shift);
            }
        }

        return [.. sizes];
    }
}
