using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>What channel and listener share: making stream sockets, addresses, and looking at granted ones.</summary>
internal static unsafe class UnixSocket
{
    /// <summary>Makes an unconnected stream socket.</summary>
    internal static SafeFileHandle Create() =>
        LinuxError.Descriptor(Libc.Socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0), "cannot make a UNIX socket", "socket");

    /// <summary>Makes two stream sockets that are connected to each other.</summary>
    internal static (SafeFileHandle First, SafeFileHandle Second) CreatePair()
    {
        int* fds = stackalloc int[2];
        int result = Libc.SocketPair(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0, fds);
        SafeFileHandle first = LinuxError.Descriptor(result < 0 ? result : fds[0], "cannot make a channel", "socketpair");
        return (first, new SafeFileHandle(fds[1], ownsHandle: true));
    }

    /// <summary>The address of a path.</summary>
    /// <exception cref="ArgumentException">The path is empty or too long for a UNIX socket.</exception>
    internal static Libc.UnixAddress Address(string path)
    {
        const int Longest = Libc.UnixPathSize - 1;
        int length = Encoding.UTF8.GetByteCount(path);
        if (length is 0 or > Longest || path.Contains('\0'))
        {
            throw new ArgumentException($"'{path}' is {length} bytes long; the path of a UNIX socket has 1 to {Longest} bytes, none of them 0", nameof(path));
        }

        Libc.UnixAddress address = new() { Family = Libc.AF_UNIX };
        Encoding.UTF8.GetBytes(path, new Span<byte>(address.Path, Longest));
        return address;
    }

    /// <summary>Connects to a path.</summary>
    /// <returns>0, or the error number.</returns>
    internal static int Connect(SafeFileHandle socket, string path)
    {
        Libc.UnixAddress address = Address(path);
        while (Libc.Connect(socket, &address, (uint)sizeof(Libc.UnixAddress)) < 0)
        {
            int errno = Errno.Last;
            if (errno != Errno.EINTR)
            {
                return errno;
            }
        }

        return 0;
    }

    /// <summary>Checks that a granted descriptor is a UNIX stream socket.</summary>
    /// <returns>Whether it listens.</returns>
    /// <exception cref="GrantException">It is something else.</exception>
    internal static bool IsListening(SafeFileHandle socket)
    {
        int domain = Option(socket, Libc.SO_DOMAIN);
        int type = Option(socket, Libc.SO_TYPE);
        return domain == Libc.AF_UNIX && type == Libc.SOCK_STREAM
            ? Option(socket, Libc.SO_ACCEPTCONN) != 0
            : throw new GrantException($"a socket of domain {domain} and type {type} was granted as a channel; it has to be a UNIX stream socket ({Libc.AF_UNIX} and {Libc.SOCK_STREAM})");
    }

    /// <summary>Waits until a descriptor is ready.</summary>
    /// <returns>False when <paramref name="milliseconds"/> (-1: for ever) passed first.</returns>
    internal static bool Poll(SafeFileHandle handle, short events, int milliseconds)
    {
        bool held = false;
        handle.DangerousAddRef(ref held);
        try
        {
            Libc.PollFd poll = new() { Fd = (int)handle.DangerousGetHandle(), Events = events };

            // An interrupted wait counts as ready: the caller tries and comes back.
            return Libc.Poll(&poll, 1, milliseconds) != 0;
        }
        finally
        {
            handle.DangerousRelease();
        }
    }

    private static int Option(SafeFileHandle socket, int name)
    {
        int value = 0;
        uint length = sizeof(int);
        return Libc.GetSockOpt(socket, Libc.SOL_SOCKET, name, &value, &length) == 0
            ? value
            : throw LinuxError.Grant("what was granted as a channel is no socket", "getsockopt", Errno.Last, "it has to be a UNIX stream socket");
    }
}
