using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>Gives back and zeroes parts of a file, in the best way that it offers.</summary>
internal static unsafe class FileSpace
{
    private const int Punch = Libc.FALLOC_FL_PUNCH_HOLE | Libc.FALLOC_FL_KEEP_SIZE;
    private const int Zero = Libc.FALLOC_FL_ZERO_RANGE | Libc.FALLOC_FL_KEEP_SIZE;

    private const int ENOTTY = 25;

    private const int ZeroBytes = 64 * 1024;
    private const int ZeroSegments = 16;

    // Sixteen times the same zeroes, never freed.
    private static readonly NativeArray<byte> Zeroes = new(ZeroBytes);
    private static readonly NativeArray<MemorySegment> ZeroList = MakeZeroList();

    /// <summary>The mode of fallocate by which a file does <paramref name="operation"/>, or 0 where it does not do it by fallocate.</summary>
    internal static int ModeOf(BlockFile file, BlockOperation operation) => operation switch
    {
        BlockOperation.Discard when !file.Traits.IsBlockSpecial => Punch,
        BlockOperation.WriteZeroesUnmap when !file.CannotPunch => Punch,
        BlockOperation.WriteZeroes or BlockOperation.WriteZeroesUnmap when !file.CannotZero => Zero,
        _ => 0,
    };

    /// <summary>Does a discard.</summary>
    internal static BlockStatus Discard(BlockFile file, in BlockRequest request)
    {
        if (request.SectorCount == 0)
        {
            return BlockStatus.Ok;
        }

        int errno = file.Traits.IsBlockSpecial ? BlockIoctl(file, Libc.BLKDISCARD, request) : FAllocate(file, Punch, request);
        return errno == 0 ? BlockStatus.Ok : IsRefusal(errno) ? BlockStatus.Unsupported : BlockStatus.IoError;
    }

    /// <summary>Does a secure erase.</summary>
    internal static BlockStatus SecureErase(BlockFile file, in BlockRequest request)
    {
        int errno = request.SectorCount == 0 ? 0 : BlockIoctl(file, Libc.BLKSECDISCARD, request);
        return errno == 0 ? BlockStatus.Ok : IsRefusal(errno) ? BlockStatus.Unsupported : BlockStatus.IoError;
    }

    /// <summary>Zeroes by punching a hole where that is allowed, by marking the range, or by writing zeroes.</summary>
    internal static BlockStatus WriteZeroes(BlockFile file, in BlockRequest request)
    {
        if (request.SectorCount == 0)
        {
            return BlockStatus.Ok;
        }

        int mode;
        while ((mode = ModeOf(file, request.Operation)) != 0)
        {
            int errno = FAllocate(file, mode, request);
            if (!IsRefusal(errno))
            {
                return errno == 0 ? BlockStatus.Ok : BlockStatus.IoError;
            }

            NoteRefusal(file, mode);
        }

        return WriteOutZeroes(file, request);
    }

    /// <summary>Whether an error says that this is not done here, rather than that it went wrong.</summary>
    internal static bool IsRefusal(int errno) => errno is Errno.EOPNOTSUPP or Errno.ENOSYS or ENOTTY;

    /// <summary>Remembers that a mode of fallocate is refused.</summary>
    private static void NoteRefusal(BlockFile file, int mode)
    {
        if (mode == Punch)
        {
            file.CannotPunch = true;
        }
        else
        {
            file.CannotZero = true;
        }
    }

    private static int FAllocate(BlockFile file, int mode, in BlockRequest request)
    {
        while (Libc.FAllocate(file.Descriptor, mode, (long)request.Sector * BlockDevice.SectorSize, (long)request.SectorCount * BlockDevice.SectorSize) < 0)
        {
            int errno = Errno.Last;
            if (errno != Errno.EINTR)
            {
                return errno;
            }
        }

        return 0;
    }

    private static int BlockIoctl(BlockFile file, nuint operation, in BlockRequest request)
    {
        ulong* range = stackalloc ulong[] { request.Sector * BlockDevice.SectorSize, (ulong)request.SectorCount * BlockDevice.SectorSize };
        while (Libc.Ioctl(file.Handle, operation, range) < 0)
        {
            int errno = Errno.Last;
            if (errno != Errno.EINTR)
            {
                return errno;
            }
        }

        return 0;
    }

    private static BlockStatus WriteOutZeroes(BlockFile file, in BlockRequest request)
    {
        long offset = (long)request.Sector * BlockDevice.SectorSize;
        long end = offset + ((long)request.SectorCount * BlockDevice.SectorSize);
        while (offset < end)
        {
            long left = end - offset;
            nint count = left < ZeroBytes
                ? Libc.PWrite(file.Descriptor, Zeroes.AsSegment().Address, (nuint)left, offset)
                : Libc.PWriteV(file.Descriptor, ZeroList.AsSegment().Address, (int)Math.Min(left / ZeroBytes, ZeroSegments), offset);
            if (count > 0)
            {
                offset += count;
            }
            else if (count == 0 || Marshal.GetLastSystemError() != Errno.EINTR)
            {
                return BlockStatus.IoError;
            }
        }

        return BlockStatus.Ok;
    }

    private static NativeArray<MemorySegment> MakeZeroList()
    {
        NativeArray<MemorySegment> list = new(ZeroSegments);
        list.AsSpan().Fill(Zeroes.AsSegment());
        return list;
    }
}
