using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>A path that a socket of ours is bound to, and which file that made, so that nobody else's is removed later.</summary>
internal sealed unsafe class SocketPath
{
    private readonly string _path;
    private readonly Libc.Statx _file;

    private SocketPath(string path, Libc.Statx file)
    {
        _path = path;
        _file = file;
    }

    /// <summary>Binds a socket to a path; a dead server's socket there is replaced.</summary>
    /// <exception cref="IOException">Someone listens there already, something else is there, or the folder does not allow it.</exception>
    internal static SocketPath Bind(SafeFileHandle socket, string path)
    {
        Libc.UnixAddress address = UnixSocket.Address(path);
        int errno = TryBind(socket, &address);
        if (errno == Errno.EADDRINUSE)
        {
            RemoveDead(path);
            errno = TryBind(socket, &address);
        }

        if (errno != 0)
        {
            throw LinuxError.Io($"cannot listen on {path}", "bind", errno, errno switch
            {
                Errno.ENOENT => "its folder does not exist",
                Errno.EACCES => "its folder may not be written by this user",
                Errno.EADDRINUSE => "another server has just taken it",
                _ => null,
            });
        }

        return TryStat(path, out Libc.Statx file)
            ? new SocketPath(Path.GetFullPath(path), file)
            : throw LinuxError.Io($"cannot listen on {path}", "statx", Errno.Last, "its socket was removed at once");
    }

    /// <summary>Removes the file, if it is still the one that was made.</summary>
    internal void Remove()
    {
        if (TryStat(_path, out Libc.Statx now)
            && now.Inode == _file.Inode && now.DeviceMajor == _file.DeviceMajor && now.DeviceMinor == _file.DeviceMinor)
        {
            _ = Libc.Unlink(_path);
        }
    }

    private static int TryBind(SafeFileHandle socket, Libc.UnixAddress* address) =>
        Libc.Bind(socket, address, (uint)sizeof(Libc.UnixAddress)) < 0 ? Errno.Last : 0;

    private static void RemoveDead(string path)
    {
        if (!TryStat(path, out Libc.Statx file))
        {
            return;
        }

        if ((file.Mode & Libc.S_IFMT) != Libc.S_IFSOCK)
        {
            throw new IOException($"cannot listen on {path}: {FileKind.Of(file.Mode)} is there; remove it or choose another path");
        }

        using SafeFileHandle probe = UnixSocket.Create();
        int errno = UnixSocket.Connect(probe, path);
        switch (errno)
        {
            case Errno.ECONNREFUSED:
                _ = Libc.Unlink(path);
                break;
            case Errno.ENOENT:
                break;
            case 0:
                throw new IOException($"cannot listen on {path}: another server listens there; stop it or choose another path");
            default:
                throw LinuxError.Io($"cannot listen on {path}: a socket is there and it cannot be seen whether anyone listens", "connect", errno, "remove it or choose another path");
        }
    }

    private static bool TryStat(string path, out Libc.Statx file) =>
        Libc.StatxAt(Libc.AT_FDCWD, path, Libc.AT_SYMLINK_NOFOLLOW, Libc.STATX_BASIC_STATS, out file) == 0;
}
