using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// Accepts channels on a listening UNIX stream socket: one that it binds to a path, or one that was granted. A granted
/// socket that is connected already is handed out once and is all that comes.
/// </summary>
public sealed unsafe class UnixChannelListener : ChannelListener
{
    private const int Backlog = 64;

    private readonly SafeFileHandle _socket;
    private readonly SocketPath? _path;
    private readonly EventDoorbell _close = EventDoorbell.Create();
    private UnixMessageChannel? _connected;
    private volatile bool _closed;

    private UnixChannelListener(SafeFileHandle socket, SocketPath? path, bool isConnected)
    {
        _socket = socket;
        _path = path;
        _connected = isConnected ? new UnixMessageChannel(socket) : null;
        IsSingle = isConnected;
    }

    /// <summary>The socket, to grant to a component that serves those who connect. The listener keeps owning it.</summary>
    public SafeFileHandle Handle => _socket;

    /// <summary>There is one channel only: <see cref="Accept"/> returns it, and null from then on.</summary>
    public bool IsSingle { get; }

    /// <summary>
    /// Listens on a path. A socket that a dead server left there is replaced; the socket is removed again on dispose.
    /// </summary>
    /// <param name="path">Path for the socket, at most 107 bytes.</param>
    /// <exception cref="IOException">Someone listens there already, something else is there, or the folder does not allow it.</exception>
    public static UnixChannelListener Bind(string path)
    {
        SafeFileHandle socket = UnixSocket.Create();
        try
        {
            SocketPath bound = SocketPath.Bind(socket, path);
            if (Libc.Listen(socket, Backlog) < 0)
            {
                throw LinuxError.Io($"cannot listen on {path}", "listen", Errno.Last);
            }

            return Listening(socket, bound);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override MessageChannel? Accept()
    {
        if (IsSingle)
        {
            return _closed ? null : Interlocked.Exchange(ref _connected, null);
        }

        while (WaitForPeer())
        {
            int fd = Libc.Accept4(_socket, null, null, Libc.SOCK_CLOEXEC);
            if (fd >= 0)
            {
                return new UnixMessageChannel(new SafeFileHandle(fd, ownsHandle: true));
            }

            int errno = Errno.Last;
            switch (errno)
            {
                case Errno.EINTR or Errno.EAGAIN or Errno.ECONNABORTED:
                    break;
                case Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM:
                    // Those who connect too often must not end the service of the others: wait for some to leave.
                    _ = WaitForClose(100);
                    break;
                default:
                    throw LinuxError.Io("cannot accept a channel", "accept4", errno);
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public override void Close()
    {
        // By a doorbell and not by shutdown(2), as others may hold the same listening socket: whoever restarts this component.
        if (!_closed)
        {
            _closed = true;
            try
            {
                _close.Ring();
            }
            catch (ObjectDisposedException)
            {
                // Disposed by another thread at the same time.
            }
        }
    }

    /// <summary>Uses a granted descriptor.</summary>
    /// <exception cref="GrantException">It is not a UNIX stream socket.</exception>
    internal static UnixChannelListener Open(SafeFileHandle socket) =>
        UnixSocket.IsListening(socket) ? Listening(socket, path: null) : new UnixChannelListener(socket, path: null, isConnected: true);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Close();
        _close.Dispose();
        if (!IsSingle)
        {
            _path?.Remove();
            _socket.Dispose();
        }

        Interlocked.Exchange(ref _connected, null)?.Dispose();
    }

    private static UnixChannelListener Listening(SafeFileHandle socket, SocketPath? path)
    {
        // Another holder of the socket may take the peer that poll saw; accept must not wait for the next one then.
        int flags = Libc.Fcntl(socket, Libc.F_GETFL, 0);
        return flags >= 0 && Libc.Fcntl(socket, Libc.F_SETFL, flags | Libc.O_NONBLOCK) >= 0
            ? new UnixChannelListener(socket, path, isConnected: false)
            : throw LinuxError.Io("cannot listen", "fcntl", Errno.Last);
    }

    private bool WaitForPeer()
    {
        Libc.PollFd* polls = stackalloc Libc.PollFd[2];
        bool socketHeld = false;
        bool closeHeld = false;
        try
        {
            _socket.DangerousAddRef(ref socketHeld);
            _close.Handle.DangerousAddRef(ref closeHeld);
            polls[0] = new Libc.PollFd { Fd = (int)_socket.DangerousGetHandle(), Events = Libc.POLLIN };
            polls[1] = new Libc.PollFd { Fd = (int)_close.Handle.DangerousGetHandle(), Events = Libc.POLLIN };
            while (!_closed)
            {
                if (Libc.Poll(polls, 2, -1) > 0 && polls[0].ReturnedEvents != 0)
                {
                    return !_closed;
                }
            }

            return false;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
        finally
        {
            if (socketHeld)
            {
                _socket.DangerousRelease();
            }

            if (closeHeld)
            {
                _close.Handle.DangerousRelease();
            }
        }
    }

    private bool WaitForClose(int milliseconds)
    {
        try
        {
            return UnixSocket.Poll(_close.Handle, Libc.POLLIN, milliseconds);
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }
}
