using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// DMA where there is no IOMMU: device addresses are the machine's own, and a device reaches all memory, whatever is mapped here. Only huge pages of hugetlbfs can be mapped: the
/// kernel neither moves nor swaps them, and each is in one piece. It takes root to learn where they are.
/// </summary>
public sealed class PhysicalDmaSpace : DmaSpace
{
    private const ulong SmallPage = 4096;
    private const ulong HugePage = 2 << 20;
    private const ulong Present = 1ul << 63;
    private const ulong FrameMask = (1ul << 55) - 1;
    private const ulong IsHuge = 1ul << 17;

    private readonly SafeFileHandle _pages;
    private readonly SafeFileHandle _flags;

    /// <summary>Makes a space.</summary>
    /// <exception cref="IOException">The kernel does not tell where memory is.</exception>
    public PhysicalDmaSpace()
    {
        _pages = Open("/proc/self/pagemap");
        try
        {
            _flags = Open("/proc/kpageflags");
        }
        catch
        {
            _pages.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override bool IsProtected => false;

    /// <summary>That of x86-64's physical addresses.</summary>
    public override int AddressBits => 52;

    /// <summary>That of huge pages.</summary>
    public override int PageSize => (int)HugePage;

    /// <inheritdoc/>
    public override DmaMemory Allocate(ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ulong whole = checked(length + HugePage - 1) & ~(HugePage - 1);
        try
        {
            using Grant grant = new LinuxHost().CreateMemory("makatea-dma", whole, PageSize);
            return Own(grant.Map(0, whole, MemoryAccess.ReadWrite));
        }
        catch (Exception e) when (e is (IOException or GrantException) and not DmaException)
        {
            throw new DmaException(e.Message, e);
        }
    }

    /// <inheritdoc/>
    protected override unsafe ulong MapPages(nint address, ulong length, DmaAccess access)
    {
        ulong first = 0;
        for (ulong offset = 0; offset < length; offset += HugePage)
        {
            // There is a page behind an address once somebody touched it.
            _ = Volatile.Read(ref *(byte*)((ulong)address + offset));
            ulong page = Read(_pages, (((ulong)address + offset) / SmallPage) * sizeof(ulong));
            ulong frame = page & FrameMask;
            if ((page & Present) == 0 || frame == 0)
            {
                throw new DmaException("the kernel does not tell where memory is; be root, as devices without an IOMMU need");
            }

            if ((Read(_flags, frame * sizeof(ulong)) & IsHuge) == 0)
            {
                throw new DmaException($"0x{length:x} bytes at 0x{address:x} are no huge pages: without an IOMMU the device reaches nothing else, and data is copied");
            }

            first = offset == 0 ? frame * SmallPage : first;
            if ((frame * SmallPage) != first + offset)
            {
                throw new DmaException($"0x{length:x} bytes at 0x{address:x} are in several pieces of the machine's memory; without an IOMMU {HugePage >> 20} MiB are the most that is in one");
            }
        }

        return first;
    }

    /// <summary>Nothing takes them from a device.</summary>
    protected override void UnmapPages(ulong iova, ulong length)
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _pages.Dispose();
        _flags.Dispose();
    }

    private static SafeFileHandle Open(string path)
    {
        try
        {
            return File.OpenHandle(path);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{path}: {e.Message}; be root, as devices without an IOMMU need", e);
        }
    }

    private static ulong Read(SafeFileHandle file, ulong offset)
    {
        Span<byte> value = stackalloc byte[sizeof(ulong)];
        return RandomAccess.Read(file, value, (long)offset) == sizeof(ulong) ? BinaryPrimitives.ReadUInt64LittleEndian(value) : 0;
    }
}
