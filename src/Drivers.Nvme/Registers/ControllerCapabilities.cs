namespace Makatea.Drivers.Nvme;

/// <summary>What CAP says ([NVMe-2.1] Figure 36). Every combination of bits is a value; what the driver cannot use is refused.</summary>
/// <param name="value">The register.</param>
internal readonly struct ControllerCapabilities(ulong value)
{
    /// <summary>Most entries of an I/O queue: 2 to 65,536. Not 0's based here.</summary>
    internal int MaxQueueEntries => (int)(value & 0xffff) + 1;

    /// <summary>Worst case time for CSTS.RDY to follow CC.EN (CAP.TO). 0 is read as one unit.</summary>
    internal TimeSpan ReadyTimeout => TimeSpan.FromMilliseconds(500 * Math.Max(1, (int)((value >> 24) & 0xff)));

    /// <summary>Bytes from one doorbell to the next: 4 to 131,072 (CAP.DSTRD).</summary>
    internal ulong DoorbellStride => 4ul << (int)((value >> 32) & 0xf);

    /// <summary>Smallest memory page in bytes (CAP.MPSMIN).</summary>
    internal ulong MinPageSize => 4096ul << (int)((value >> 48) & 0xf);

    private bool HasNvmCommandSet => ((value >> 37) & 1) != 0;

    /// <summary>Refuses a controller that the driver cannot run.</summary>
    /// <exception cref="NvmeException">The message says what is missing.</exception>
    internal void Check()
    {
        if (!HasNvmCommandSet)
        {
            throw new NvmeException(NvmeFault.Unsupported, $"the controller (CAP 0x{value:x16}) has no NVM command set, which holds blocks; it cannot be used as a disk");
        }

        if (MinPageSize > 4096)
        {
            throw new NvmeException(NvmeFault.Unsupported, $"the controller's smallest memory page is {MinPageSize} bytes; 4096 are supported");
        }

        if (MaxQueueEntries < 2)
        {
            throw new NvmeException(NvmeFault.Protocol, $"the controller says that its queues have {MaxQueueEntries} entry; the least is 2 (CAP 0x{value:x16})");
        }
    }
}
