using Makatea.Platform;

namespace Makatea.Virtio.Block;

/// <summary>One outstanding request; found by its tag.</summary>
internal struct BlockSlot
{
    /// <summary>The buffer, to give back.</summary>
    public DescriptorChain Chain;

    /// <summary>Where the status byte goes.</summary>
    public MemorySegment Status;

    /// <summary>Bytes of data read or written.</summary>
    public uint DataBytes;

    /// <summary>What was asked of the device below.</summary>
    public BlockOperation Operation;

    /// <summary>A write that is to be flushed before it completes (write-through), and has not been yet.</summary>
    public bool FlushAfter;
}
