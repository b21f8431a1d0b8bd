using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Calls on files and block devices that hold a disk's bytes.</summary>
internal static unsafe partial class Libc
{
    internal const int O_RDWR = 2;
    internal const int O_EXCL = 0x80;
    internal const int O_APPEND = 0x400;
    internal const int O_CLOEXEC = 0x80000;
    internal const int O_PATH = 0x200000;

    internal const int SEEK_END = 2;
    internal const int SEEK_DATA = 3;
    internal const int SEEK_HOLE = 4;

    /// <summary>Most segments of one <c>preadv</c> (UIO_MAXIOV).</summary>
    internal const int IOV_MAX = 1024;

    internal const int FALLOC_FL_KEEP_SIZE = 1;
    internal const int FALLOC_FL_PUNCH_HOLE = 2;
    internal const int FALLOC_FL_ZERO_RANGE = 16;

    internal const int F_SEAL_FUTURE_WRITE = 16;

    internal const uint STATX_DIOALIGN = 0x2000;

    internal const long RAMFS_MAGIC = 0x858458f6;

    internal const nuint BLKROGET = 0x125e;
    internal const nuint BLKSSZGET = 0x1268;
    internal const nuint BLKGETSIZE64 = 0x80081272;
    internal const nuint BLKDISCARD = 0x1277;
    internal const nuint BLKIOOPT = 0x1279;
    internal const nuint BLKPBSZGET = 0x127b;
    internal const nuint BLKSECDISCARD = 0x127d;

    internal const int F_OFD_GETLK = 36;
    internal const int F_OFD_SETLK = 37;
    internal const short F_RDLCK = 0;
    internal const short F_WRLCK = 1;
    internal const short F_UNLCK = 2;

    /// <summary>O_DIRECT, which is not the same on every architecture.</summary>
    internal static int O_DIRECT => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;

    /// <summary><c>struct flock</c> of 64-bit architectures.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct FileLock
    {
        internal short Type;
        internal short Whence;
        internal long Start;
        internal long Length;
        internal int Process;
    }

    /// <summary>The part of <c>struct statx</c> that a disk's file is judged by.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct StatxDisk
    {
        [FieldOffset(0x00)]
        internal uint Mask;

        [FieldOffset(0x04)]
        internal uint BlockSize;

        [FieldOffset(0x1c)]
        internal ushort Mode;

        [FieldOffset(0x28)]
        internal ulong Size;

        /// <summary>Room taken, in units of 512 bytes.</summary>
        [FieldOffset(0x30)]
        internal ulong Blocks;

        [FieldOffset(0x80)]
        internal uint SpecialMajor;

        [FieldOffset(0x84)]
        internal uint SpecialMinor;

        [FieldOffset(0x98)]
        internal uint DirectMemoryAlignment;

        [FieldOffset(0x9c)]
        internal uint DirectOffsetAlignment;
    }

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Open(string path, int flags, int mode);

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int StatxAt(SafeFileHandle directory, string path, int flags, uint mask, out StatxDisk result);

    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int FcntlLock(SafeFileHandle fd, int command, ref FileLock argument);

    [LibraryImport(Library, EntryPoint = "ioctl", SetLastError = true)]
    internal static partial int Ioctl(SafeFileHandle fd, nuint request, void* argument);

    [LibraryImport(Library, EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int FAllocate(int fd, int mode, long offset, long length);

    [LibraryImport(Library, EntryPoint = "fdatasync", SetLastError = true)]
    internal static partial int FDataSync(int fd);

    // The data path's calls do without SetLastError: whoever sees one fail asks Marshal.GetLastSystemError, which costs the others nothing.
    // None has SuppressGCTransition. A file's page may have to come from a disk, and a guest's page from whatever the guest gave us.
    [LibraryImport(Library, EntryPoint = "lseek")]
    internal static partial long LSeek(int fd, long offset, int whence);

    [LibraryImport(Library, EntryPoint = "pread")]
    internal static partial nint PRead(int fd, nint buffer, nuint count, long offset);

    [LibraryImport(Library, EntryPoint = "pwrite")]
    internal static partial nint PWrite(int fd, nint buffer, nuint count, long offset);

    [LibraryImport(Library, EntryPoint = "preadv")]
    internal static partial nint PReadV(int fd, nint segments, int count, long offset);

    [LibraryImport(Library, EntryPoint = "pwritev")]
    internal static partial nint PWriteV(int fd, nint segments, int count, long offset);
}
