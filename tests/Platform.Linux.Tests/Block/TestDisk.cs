using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Files to make disks of.</summary>
internal static class TestDisk
{
    /// <summary>Folder on the machine's disk.</summary>
    internal static string DiskFolder { get; } = AppContext.BaseDirectory;

    /// <summary>A new memfd of zeroes.</summary>
    internal static SafeFileHandle Memory(long length, uint flags = Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING)
    {
        SafeFileHandle file = new(Libc.MemfdCreate("disk", flags), ownsHandle: true);
        Assert.False(file.IsInvalid);
        Resize(file, length);
        return file;
    }

    /// <summary>A new file of zeroes on the machine's disk. It has no name, so nothing is left of it.</summary>
    internal static SafeFileHandle OnDisk(long length, int flags = 0)
    {
        const int TemporaryFile = 0x410000;
        SafeFileHandle file = new(Libc.Open(DiskFolder, TemporaryFile | Libc.O_RDWR | Libc.O_CLOEXEC | flags, 0x180), ownsHandle: true);
        Skip.If(file.IsInvalid, $"the file system of {DiskFolder} takes no unnamed files with these flags (O_TMPFILE); run the tests on ext4, xfs or btrfs");
        Resize(file, length);
        return file;
    }

    /// <summary>A new descriptor of the same file with a file description of its own.</summary>
    internal static SafeFileHandle Reopen(SafeFileHandle file, int flags)
    {
        SafeFileHandle again = new(Libc.Open($"/proc/self/fd/{file.DangerousGetHandle()}", flags | Libc.O_CLOEXEC, 0), ownsHandle: true);
        Assert.False(again.IsInvalid);
        return again;
    }

    /// <summary>A second descriptor of the same file description.</summary>
    internal static SafeFileHandle Duplicate(SafeFileHandle file) => new(Libc.Fcntl(file, Libc.F_DUPFD_CLOEXEC, 3), ownsHandle: true);

    internal static void Resize(SafeFileHandle file, long length) => Assert.Equal(0, Libc.FTruncate(file, length));

    /// <summary>Bytes of the file as the file system has them.</summary>
    internal static byte[] Read(SafeFileHandle file, long offset, int length)
    {
        byte[] bytes = new byte[length];
        Assert.Equal(length, RandomAccess.Read(file, bytes, offset));
        return bytes;
    }

    internal static byte[] Pattern(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>A new sparse file on a tmpfs of its own that holds less than that.</summary>
    internal static SafeFileHandle OnSmallTmpfs(long size, long fileLength)
    {
        string folder = Directory.CreateTempSubdirectory("makatea-tmpfs-").FullName;
        try
        {
            int mounted = Mount("tmpfs", folder, "tmpfs", 0, $"size={size}");
            Skip.If(mounted < 0, "mounting a small tmpfs needs root; run the tests as root, or in unshare --user --map-root-user --mount");
            try
            {
                SafeFileHandle file = new(Libc.Open(Path.Combine(folder, "disk"), 0x40 | Libc.O_RDWR | Libc.O_CLOEXEC, 0x180), ownsHandle: true);
                Assert.False(file.IsInvalid);
                Resize(file, fileLength);
                return file;
            }
            finally
            {
                const int Detach = 2;
                Assert.Equal(0, Unmount(folder, Detach));
            }
        }
        finally
        {
            Directory.Delete(folder);
        }
    }

    internal static int MakePipe(string path) => MakeFifo(path, 0x180);

    [DllImport("libc", EntryPoint = "mount", SetLastError = true, BestFitMapping = false)]
    private static extern int Mount(string source, string target, string type, nuint flags, string data);

    [DllImport("libc", EntryPoint = "umount2", SetLastError = true, BestFitMapping = false)]
    private static extern int Unmount(string target, int flags);

    [DllImport("libc", EntryPoint = "mkfifo", SetLastError = true, BestFitMapping = false)]
    private static extern int MakeFifo(string path, int mode);
}
