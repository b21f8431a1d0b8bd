using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// The locks by which programs keep away from an image that another one writes, on the bytes that QEMU uses for it (block/file-posix.c). For each
/// permission p there are two bytes: 100 + p is locked by those who use it, 200 + p by those who do not let others use it. The locks are all shared ones, so
/// taking them never fails; whoever took his own looks for those of others that contradict, and gives up if there are any.
/// </summary>
internal static class ImageLock
{
    private const int UsedBase = 100;
    private const int DeniedBase = 200;

    // QEMU's BLK_PERM_CONSISTENT_READ, BLK_PERM_WRITE, BLK_PERM_RESIZE as bit numbers.
    private const int ConsistentRead = 0;
    private const int Write = 1;
    private const int Resize = 3;
    private const int PermissionCount = 4;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(10);

    /// <summary>Takes the locks that <paramref name="options"/> ask for.</summary>
    /// <exception cref="IOException">Another one uses the file in a way that does not go together.</exception>
    internal static void Take(SafeFileHandle handle, string name, FileBlockOptions options)
    {
        if (options.Locking == FileLocking.None)
        {
            return;
        }

        uint used = (1u << ConsistentRead) | (options.ReadOnly ? 0 : 1u << Write);
        uint denied = options.Locking == FileLocking.Exclusive ? (1u << Write) | (1u << Resize) : 0;
        long giveUp = Environment.TickCount64 + (long)options.LockTimeout.TotalMilliseconds;
        while (true)
        {
            if (!TryLock(handle, name, used, denied, options.Notice))
            {
                return;
            }

            string? conflict = FindConflict(handle, used, denied);
            if (conflict is null)
            {
                return;
            }

            // Others may look at this moment and see ours: give them back before waiting.
            Release(handle);
            if (Environment.TickCount64 >= giveUp)
            {
                throw new IOException(
                    $"'{name}' is in use: {conflict}. Stop that program first, or share the image if it is one that several may write (a cluster file system)");
            }

            Thread.Sleep(RetryInterval);
        }
    }

    /// <summary>Gives back what <see cref="Take"/> took. Closing the descriptor would do, but a ring that is being taken down may hold the file for a while.</summary>
    internal static void Release(SafeFileHandle handle)
    {
        _ = Set(handle, UsedBase, PermissionCount, Libc.F_UNLCK);
        _ = Set(handle, DeniedBase, PermissionCount, Libc.F_UNLCK);
    }

    /// <returns>False where the file system knows no locks.</returns>
    private static bool TryLock(SafeFileHandle handle, string name, uint used, uint denied, Action<string>? notice)
    {
        for (int permission = 0; permission < PermissionCount; permission++)
        {
            uint bit = 1u << permission;
            if (((used & bit) != 0 && !Set(handle, UsedBase + permission, 1, Libc.F_RDLCK))
                || ((denied & bit) != 0 && !Set(handle, DeniedBase + permission, 1, Libc.F_RDLCK)))
            {
                int errno = Errno.Last;
                Release(handle);

                // Somebody who locks the whole file in another way than we do.
                if (errno is Errno.EAGAIN or Errno.EACCES)
                {
                    throw new IOException($"'{name}' is in use: another program has locked all of it");
                }

                notice?.Invoke($"'{name}' cannot be locked ({Errno.Describe(errno)}), so nothing keeps a second program from writing it");
                return false;
            }
        }

        return true;
    }

    private static string? FindConflict(SafeFileHandle handle, uint used, uint denied)
    {
        for (int permission = 0; permission < PermissionCount; permission++)
        {
            uint bit = 1u << permission;
            if ((used & bit) != 0 && IsLockedByOthers(handle, DeniedBase + permission))
            {
                return permission == Write ? "another program uses it and lets nobody write" : "another program lets nobody read it";
            }

            if ((denied & bit) != 0 && IsLockedByOthers(handle, UsedBase + permission))
            {
                return permission == Write ? "another program writes it" : "another program may change its size";
            }
        }

        return null;
    }

    private static bool Set(SafeFileHandle handle, int start, int length, short type)
    {
        Libc.FileLock range = new() { Type = type, Start = start, Length = length };
        return Libc.FcntlLock(handle, Libc.F_OFD_SETLK, ref range) == 0;
    }

    private static bool IsLockedByOthers(SafeFileHandle handle, int position)
    {
        Libc.FileLock range = new() { Type = Libc.F_WRLCK, Start = position, Length = 1 };
        return Libc.FcntlLock(handle, Libc.F_OFD_GETLK, ref range) == 0 && range.Type != Libc.F_UNLCK;
    }
}
