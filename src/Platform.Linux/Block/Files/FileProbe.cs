using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Finds out what an open descriptor is as a disk. It needs no path, as a component's files are granted as descriptors.</summary>
internal static class FileProbe
{
    private const int LargestBlock = 65536;
    private const int Page = 4096;

    /// <summary>Looks at a descriptor.</summary>
    /// <exception cref="IOException">It cannot be a disk as <paramref name="options"/> want it; the message says why and what would do.</exception>
    internal static FileTraits Inspect(SafeFileHandle handle, string name, FileBlockOptions options)
    {
        if (Libc.StatxAt(handle, "", Libc.AT_EMPTY_PATH, Libc.STATX_BASIC_STATS | Libc.STATX_DIOALIGN, out Libc.StatxDisk status) < 0)
        {
            throw LinuxError.Io($"cannot look at '{name}'", "statx", Errno.Last);
        }

        bool isBlock = (status.Mode & Libc.S_IFMT) == Libc.S_IFBLK;
        if (!isBlock && (status.Mode & Libc.S_IFMT) != Libc.S_IFREG)
        {
            throw new IOException($"'{name}' is {FileKind.Of(status.Mode)}; a disk has to be a file or a block device");
        }

        bool inMemory = !isBlock && IsInMemory(handle, name);
        bool isDirect = PrepareFlags(handle, name, options) && !inMemory;
        BlockSpecial? special = isBlock ? BlockSpecial.Inspect(handle, name, status.SpecialMajor, status.SpecialMinor) : null;
        if (special is { IsReadOnly: true } && !options.ReadOnly)
        {
            throw new IOException($"the block device '{name}' is read-only; open it read-only or make it writable (blockdev --setrw)");
        }

        (int offsets, int addresses) = isDirect ? DirectAlignment(status, special, name) : (special?.BlockSize ?? 512, 1);
        int blockSize = ChooseBlockSize(options.BlockSize, isDirect, offsets, name);
        ulong size = special?.Size ?? status.Size;
        ulong rest = size % (ulong)blockSize;
        if (rest != 0)
        {
            options.Notice?.Invoke(
                $"'{name}' is {size} bytes long, which is no multiple of its block size of {blockSize}; its last {rest} bytes are left out");
        }

        int seals = isBlock ? -1 : Libc.Fcntl(handle, Libc.F_GET_SEALS, 0);
        if (seals > 0 && (seals & (Libc.F_SEAL_WRITE | Libc.F_SEAL_FUTURE_WRITE)) != 0 && !options.ReadOnly)
        {
            throw new IOException($"'{name}' is sealed against writing; open it read-only");
        }

        int physical = special?.PhysicalBlockSize ?? FileSystemBlock(status.BlockSize);
        physical = Math.Max(physical, blockSize);
        bool canPunch = !options.ReadOnly && (isBlock || CanPunch(handle, size));
        return new FileTraits
        {
            SectorCount = (size - rest) / BlockDevice.SectorSize,
            BlockSize = blockSize,
            PhysicalBlockSize = physical,
            OptimalIoSize = special?.OptimalIoSize ?? 0,
            IsReadOnly = options.ReadOnly,
            IsBlockSpecial = isBlock,
            IsInMemory = inMemory,
            IsDirect = isDirect,
            MemoryAlignment = addresses,
            CanShrink = !isBlock && !(seals > 0 && (seals & Libc.F_SEAL_SHRINK) != 0),
            CanPunch = canPunch,
            DiscardGranularity = options.ReadOnly ? 0 : special is not null ? AtLeast(special.DiscardGranularity, blockSize) : canPunch ? physical : 0,
            CanSecureErase = !options.ReadOnly && special is { CanSecureErase: true },
        };
    }

    /// <summary>Size in bytes now.</summary>
    /// <exception cref="IOException">It cannot be found out.</exception>
    internal static ulong Measure(BlockFile file)
    {
        long size = Libc.LSeek(file.Descriptor, 0, Libc.SEEK_END);
        return size >= 0 ? (ulong)size : throw LinuxError.Io($"cannot find out the size of '{file.Name}'", "lseek", Marshal.GetLastSystemError());
    }

    /// <summary>Checks how the descriptor is open and makes its I/O direct where that is wanted.</summary>
    /// <returns>Whether its I/O is direct.</returns>
    private static bool PrepareFlags(SafeFileHandle handle, string name, FileBlockOptions options)
    {
        int flags = Libc.Fcntl(handle, Libc.F_GETFL, 0);
        if (flags < 0)
        {
            throw LinuxError.Io($"cannot use '{name}'", "fcntl", Errno.Last);
        }

        int access = flags & Libc.O_ACCMODE;
        if ((flags & Libc.O_PATH) != 0 || access == Libc.O_WRONLY)
        {
            throw new IOException($"'{name}' is not open for reading");
        }

        if (access == Libc.O_RDONLY && !options.ReadOnly)
        {
            throw new IOException($"'{name}' is open for reading alone; open it for writing too, or use it read-only");
        }

        // A write at any offset would go to the end.
        if ((flags & Libc.O_APPEND) != 0)
        {
            throw new IOException($"'{name}' is open for appending (O_APPEND), so nothing can be written in place; open it without");
        }

        // io_uring takes O_NONBLOCK at its word for files too.
        int wanted = (flags | (options.Direct ? Libc.O_DIRECT : 0)) & ~Libc.O_NONBLOCK;
        if (wanted != flags && Libc.Fcntl(handle, Libc.F_SETFL, wanted) < 0)
        {
            throw LinuxError.Io($"cannot use '{name}'", "fcntl", Errno.Last, options.Direct ? "its file system may not know direct I/O: do without" : null);
        }

        return (wanted & Libc.O_DIRECT) != 0;
    }

    private static bool IsInMemory(SafeFileHandle handle, string name)
    {
        if (Libc.FStatFs(handle, out Libc.StatFs fileSystem) < 0)
        {
            throw LinuxError.Io($"cannot look at the file system of '{name}'", "fstatfs", Errno.Last);
        }

        if (fileSystem.Type == Libc.HUGETLBFS_MAGIC)
        {
            throw new IOException($"'{name}' is in huge pages (hugetlbfs), whose files cannot be written; use a file on tmpfs (huge=always) instead");
        }

        return fileSystem.Type is Libc.TMPFS_MAGIC or Libc.RAMFS_MAGIC;
    }

    private static (int Offsets, int Addresses) DirectAlignment(in Libc.StatxDisk status, BlockSpecial? special, string name)
    {
        if ((status.Mask & Libc.STATX_DIOALIGN) == 0)
        {
            // Before Linux 6.1: what every disk takes.
            return special is null ? (Page, Page) : (special.BlockSize, Page);
        }

        if (status.DirectOffsetAlignment == 0 || status.DirectMemoryAlignment == 0)
        {
            throw new IOException($"the file system of '{name}' does no direct I/O on it; do without");
        }

        return ((int)Math.Max(status.DirectOffsetAlignment, 512), (int)status.DirectMemoryAlignment);
    }

    private static int ChooseBlockSize(int? wanted, bool isDirect, int smallest, string name)
    {
        int size = wanted ?? smallest;
        if (size < 512 || size > LargestBlock || !BitOperations.IsPow2(size))
        {
            throw new IOException($"'{name}' cannot have blocks of {size} bytes; a block size is a power of two from 512 to {LargestBlock}");
        }

        return size >= smallest || !isDirect
            ? size
            : throw new IOException($"'{name}' cannot have blocks of {size} bytes with direct I/O, which is done in units of {smallest} there");
    }

    private static int FileSystemBlock(uint size) => BitOperations.IsPow2(size) ? (int)Math.Clamp(size, 512, Page) : Page;

    private static int AtLeast(int granularity, int blockSize) => granularity == 0 ? 0 : Math.Max(granularity, blockSize);

    /// <summary>Tries it behind the end, where there is nothing.</summary>
    private static bool CanPunch(SafeFileHandle handle, ulong size)
    {
        long behind = (long)((size + Page - 1) & ~(ulong)(Page - 1));
        return Libc.FAllocate((int)handle.DangerousGetHandle(), Libc.FALLOC_FL_PUNCH_HOLE | Libc.FALLOC_FL_KEEP_SIZE, behind, Page) == 0;
    }
}
