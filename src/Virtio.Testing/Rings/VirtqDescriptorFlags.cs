namespace Makatea.Virtio.Testing;

/// <summary>Flags of a descriptor ([VIRTIO-1.3] 2.7.5, 2.8).</summary>
[Flags]
public enum VirtqDescriptorFlags : ushort
{
    /// <summary>The last or only element, which the device reads.</summary>
    None = 0,

    /// <summary>VIRTQ_DESC_F_NEXT: another element follows.</summary>
    Next = 1,

    /// <summary>VIRTQ_DESC_F_WRITE: the device writes the element.</summary>
    Write = 2,

    /// <summary>VIRTQ_DESC_F_INDIRECT: the element holds a table of descriptors.</summary>
    Indirect = 4,

    /// <summary>VIRTQ_DESC_F_AVAIL: packed rings only.</summary>
    Available = 1 << 7,

    /// <summary>VIRTQ_DESC_F_USED: packed rings only.</summary>
    Used = 1 << 15,
}
