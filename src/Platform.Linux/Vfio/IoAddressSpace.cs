using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>An address space of devices, as one of the kernel's interfaces has it. Who maps chooses the addresses.</summary>
internal abstract class IoAddressSpace : IDisposable
{
    /// <summary>Hint for a mapping that fails as the limit of pinned pages is reached.</summary>
    protected const string RaiseLimit = "raise the limit of locked memory (ulimit -l), as the pages are pinned";

    /// <summary>Hint for an IOMMU that leaves interrupts to devices.</summary>
    internal const string RemapInterrupts = "without interrupt remapping a device could raise any interrupt; switch it on (firmware, intremap=on)";

    /// <summary>The interface.</summary>
    internal abstract VfioInterface Interface { get; }

    /// <summary>The descriptor that stands for it, with which a component is granted it.</summary>
    internal abstract SafeFileHandle Handle { get; }

    /// <summary>Makes an empty one.</summary>
    /// <exception cref="IOException">The interface is not there, or may not be used.</exception>
    internal static IoAddressSpace Create(VfioInterface kind) => kind == VfioInterface.Iommufd ? IommufdSpace.Create() : VfioContainer.Create();

    /// <summary>Takes over a descriptor of one that a function is in.</summary>
    internal static IoAddressSpace Adopt(SafeFileHandle handle) => (IoAddressSpace?)IommufdSpace.TryAdopt(handle) ?? new VfioContainer(handle);

    /// <summary>Opens a function that is bound to vfio-pci, and has the IOMMU translate what it asks for by this space.</summary>
    /// <exception cref="IOException">It cannot be had; the message says why and what to do.</exception>
    internal abstract SafeFileHandle Open(PciAddress address);

    /// <summary>Asks for the smallest page, and the ranges of addresses that may be mapped: what the functions in it have in common.</summary>
    /// <exception cref="IOException">It is no address space, or has no function in it and so no IOMMU.</exception>
    internal abstract (ulong PageSize, List<(ulong First, ulong Last)> Ranges) ReadLimits();

    /// <summary>Maps whole pages.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal abstract void Map(ulong address, ulong iova, ulong length, DmaAccess access);

    /// <summary>Unmaps what was mapped at once. No function reaches it after the return.</summary>
    /// <exception cref="IOException">Not all of it was unmapped.</exception>
    internal abstract void Unmap(ulong iova, ulong length);

    /// <summary>Closes it. What is mapped ends with the last descriptor of it and of the functions in it.</summary>
    public abstract void Dispose();

    /// <summary>What an unmapping fails with.</summary>
    protected static IOException NotUnmapped(string request, ulong iova, ulong length, ulong unmapped, int errno) =>
        LinuxError.Io($"cannot take {length} bytes at IOVA 0x{iova:x} from devices ({unmapped} were taken)", request, errno);

    /// <summary>The IOMMU group of a function that is to be opened.</summary>
    /// <exception cref="IOException">It has none.</exception>
    protected static int GroupOf(PciAddress address) => SysfsPci.GroupOf(SysfsPci.Root, address)
        ?? throw new IOException($"{address} is in no IOMMU group, so nothing keeps its DMA to what is granted; switch the IOMMU on (firmware, and intel_iommu=on or amd_iommu=on)");
}
