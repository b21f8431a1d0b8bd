namespace Makatea.Virtio;

/// <summary>Flags of descriptors: VIRTQ_DESC_F_* ([VIRTIO-1.3] 2.7.5, 2.8.13).</summary>
internal static class DescriptorFlags
{
    /// <summary>The chain goes on.</summary>
    public const ushort Next = 1;

    /// <summary>The device writes the buffer; otherwise it reads it.</summary>
    public const ushort Write = 2;

    /// <summary>The buffer is a table of descriptors.</summary>
    public const ushort Indirect = 4;

    /// <summary>Packed rings: toggled by the driver to make the descriptor available.</summary>
    public const ushort Available = 1 << 7;

    /// <summary>Packed rings: toggled by the device to mark it used.</summary>
    public const ushort Used = 1 << 15;

    /// <summary>Size of a descriptor in bytes, in both layouts.</summary>
    public const int DescriptorSize = 16;

    /// <summary>Most descriptors that a ring or an indirect table may have.</summary>
    public const int MaxQueueSize = 32768;
}
