using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>A block device in memory. Requests are copied and complete within <see cref="BlockQueue.Submit"/>.</summary>
public sealed class MemoryDevice : BlockDevice
{
    private readonly MappedMemory _memory;
    private readonly GuestMemoryWindow _window;

    /// <summary>Takes over <paramref name="memory"/>, whose whole blocks are the device.</summary>
    /// <param name="memory">At least one block.</param>
    /// <param name="blockSize">Block size in bytes: a power of two from 512 to 65,536.</param>
    public MemoryDevice(MappedMemory memory, int blockSize = SectorSize)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (!BlockSizes.AreValid(blockSize))
        {
            throw new ArgumentOutOfRangeException(nameof(blockSize), blockSize, BlockSizes.Rule);
        }

        ulong length = memory.Length & ~((ulong)blockSize - 1);
        _memory = memory;
        _ = new GuestMemory([new GuestMemoryRegion(0, 0, length, memory, 0)]).TryFindWindow(0, out _window);
        Info = new BlockDeviceInfo
        {
            SectorCount = length / SectorSize,
            BlockSize = blockSize,
            PhysicalBlockSize = blockSize,
            HasVolatileCache = false,
            DiscardGranularity = blockSize,
            SupportsWriteZeroes = true,
            SupportsSecureErase = true,
        };
    }

    /// <summary>Makes one of zeroes in memory of its own.</summary>
    /// <param name="length">Size in bytes, a multiple of <paramref name="blockSize"/> below 2 GiB.</param>
    /// <param name="blockSize">Block size in bytes: a power of two from 512 to 65,536.</param>
    public MemoryDevice(int length, int blockSize = SectorSize)
        : this(new HeapMemory(length), blockSize)
    {
    }

    /// <inheritdoc/>
    public override BlockDeviceInfo Info { get; }

    /// <inheritdoc/>
    public override BlockQueue OpenQueue(int depth, Doorbell? completions = null) => new MemoryQueue(_window, new BlockBounds(Info), depth);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _memory.Dispose();
}
