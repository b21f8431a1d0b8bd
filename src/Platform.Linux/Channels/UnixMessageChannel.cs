using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>A connected UNIX stream socket that carries bytes and file descriptors.</summary>
public sealed unsafe class UnixMessageChannel : MessageChannel
{
    private readonly SafeFileHandle _socket;
    private readonly Lock _sendLock = new();
    private volatile bool _closed;

    internal UnixMessageChannel(SafeFileHandle socket) => _socket = socket;

    /// <summary>How long <see cref="Send"/> waits for a peer that does not read. 10 seconds unless set.</summary>
    public TimeSpan SendTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Connects to a listener.</summary>
    /// <param name="path">Path of its socket, at most 107 bytes.</param>
    /// <exception cref="IOException">Nobody listens there, or it may not be reached.</exception>
    public static UnixMessageChannel Connect(string path) => new(ConnectSocket(path));

    /// <summary>Connects to a listener, for somebody else.</summary>
    /// <param name="path">Path of its socket, at most 107 bytes.</param>
    /// <returns>The connection, to be granted.</returns>
    /// <exception cref="IOException">Nobody listens there, or it may not be reached.</exception>
    public static LinuxGrant ConnectFor(string path) => new(ConnectSocket(path));

    /// <summary>Makes a connected pair.</summary>
    internal static (UnixMessageChannel Ours, LinuxGrant Theirs) CreatePair()
    {
        (SafeFileHandle ours, SafeFileHandle theirs) = UnixSocket.CreatePair();
        return (new UnixMessageChannel(ours), new LinuxGrant(theirs));
    }

    /// <inheritdoc/>
    public override int Receive(Span<byte> buffer, IList<Grant> grants)
    {
        if (buffer.IsEmpty)
        {
            throw new ArgumentException("a buffer of no bytes cannot tell a message from the end", nameof(buffer));
        }

        int controlLength = ControlData.SizeFor(MaxGrants);
        ulong* control = stackalloc ulong[controlLength / sizeof(ulong)];
        fixed (byte* bytes = buffer)
        {
            MemorySegment segment = MemorySegment.UnsafeCreate((nint)bytes, buffer.Length);
            while (true)
            {
                Libc.MessageHeader message = new() { Segments = &segment, SegmentCount = 1, Control = control, ControlLength = (nuint)controlLength };
                nint received = Libc.RecvMsg(_socket, &message, Libc.MSG_CMSG_CLOEXEC);
                int errno = received < 0 ? Errno.Last : 0;
                if (_closed)
                {
                    Refuse(&message, received);
                    throw new IOException("the channel was closed on this side");
                }

                switch (errno)
                {
                    case 0:
                        TakeGrants(&message, grants);
                        return (int)received;
                    case Errno.EINTR:
                        break;
                    case Errno.EAGAIN:
                        UnixSocket.Poll(_socket, Libc.POLLIN, -1);
                        break;
                    case Errno.ECONNRESET:
                        // The peer went away and left something of ours unread: the end, like any other.
                        return 0;
                    default:
                        throw LinuxError.Io("cannot receive from the channel", "recvmsg", errno);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Send(ReadOnlySpan<byte> message, ReadOnlySpan<Grant> grants)
    {
        if (grants.Length > MaxGrants || (message.IsEmpty && !grants.IsEmpty))
        {
            throw new ArgumentException($"{grants.Length} grants with {message.Length} bytes; a message carries at most {MaxGrants}, with at least one byte", nameof(grants));
        }

        Span<int> descriptors = stackalloc int[MaxGrants];
        SafeFileHandle[] held = grants.IsEmpty ? [] : new SafeFileHandle[grants.Length];
        int count = 0;
        try
        {
            foreach (Grant grant in grants)
            {
                SafeFileHandle handle = (grant as LinuxGrant ?? throw new ArgumentException($"{grant.GetType()} is not a grant of this host", nameof(grants))).Handle;
                bool added = false;
                handle.DangerousAddRef(ref added);
                held[count] = handle;
                descriptors[count++] = (int)handle.DangerousGetHandle();
            }

            lock (_sendLock)
            {
                SendAll(message, descriptors[..count]);
            }
        }
        finally
        {
            foreach (SafeFileHandle handle in held.AsSpan(0, count))
            {
                handle.DangerousRelease();
            }
        }
    }

    /// <inheritdoc/>
    public override void Close()
    {
        _closed = true;
        if (!_socket.IsClosed)
        {
            try
            {
                _ = Libc.Shutdown(_socket, Libc.SHUT_RDWR);
            }
            catch (ObjectDisposedException)
            {
                // Disposed by another thread since the look: closed all the same.
            }
        }
    }

    /// <summary>Uses a granted descriptor as a channel.</summary>
    /// <exception cref="GrantException">It is not a connected UNIX stream socket.</exception>
    internal static UnixMessageChannel Open(SafeFileHandle socket) => UnixSocket.IsListening(socket)
        ? throw new GrantException("a listening socket was granted as a channel; it has to be a connected one")
        : new UnixMessageChannel(socket);

    /// <summary>One <c>sendmsg</c>.</summary>
    /// <returns>Number of bytes sent, or -1 with an error number in <see cref="Errno.Last"/>.</returns>
    internal static int SendOnce(SafeFileHandle socket, ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors)
    {
        int controlLength = descriptors.IsEmpty ? 0 : ControlData.SizeFor(descriptors.Length);
        ulong* control = stackalloc ulong[controlLength / sizeof(ulong)];
        if (!descriptors.IsEmpty)
        {
            ControlData.Write((byte*)control, descriptors);
        }

        fixed (byte* start = bytes)
        {
            MemorySegment segment = MemorySegment.UnsafeCreate((nint)start, bytes.Length);
            Libc.MessageHeader message = new() { Segments = &segment, SegmentCount = 1, Control = control, ControlLength = (nuint)controlLength };
            return (int)Libc.SendMsg(socket, &message, Libc.MSG_NOSIGNAL | Libc.MSG_DONTWAIT);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Close();
        _socket.Dispose();
    }

    private static void TakeGrants(Libc.MessageHeader* message, IList<Grant> grants)
    {
        if ((message->Flags & Libc.MSG_CTRUNC) != 0)
        {
            Refuse(message, 0);
            throw new IOException($"more than {MaxGrants} grants came with one message, or more than this process may have open (ulimit -n); all of them were given up");
        }

        ControlData.Read((byte*)message->Control, message->ControlLength, grants);
    }

    private static void Refuse(Libc.MessageHeader* message, nint received)
    {
        if (received < 0)
        {
            return;
        }

        List<Grant> unwanted = [];
        ControlData.Read((byte*)message->Control, message->ControlLength, unwanted);
        unwanted.ForEach(grant => grant.Dispose());
    }

    private void SendAll(ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors)
    {
        long deadline = TimeProvider.System.GetTimestamp() + (long)(SendTimeout.TotalSeconds * TimeProvider.System.TimestampFrequency);
        while (!bytes.IsEmpty)
        {
            int sent = SendOnce(_socket, bytes, descriptors);
            if (sent < 0)
            {
                WaitToSend(Errno.Last, deadline);
                continue;
            }

            bytes = bytes[sent..];
            descriptors = [];
        }
    }

    private void WaitToSend(int errno, long deadline)
    {
        switch (errno)
        {
            case Errno.EINTR:
                return;
            case Errno.EAGAIN:
                TimeSpan left = TimeProvider.System.GetElapsedTime(TimeProvider.System.GetTimestamp(), deadline);
                if (left <= TimeSpan.Zero || !UnixSocket.Poll(_socket, Libc.POLLOUT, (int)Math.Ceiling(left.TotalMilliseconds)))
                {
                    throw new IOException($"the peer did not read for {SendTimeout.TotalSeconds:0.#} s; close the channel, as part of a message may have been sent");
                }

                return;
            case Errno.ETOOMANYREFS:
                throw LinuxError.Io("cannot send on the channel", "sendmsg", errno, "too many descriptors are on their way already, unread");
            default:
                throw LinuxError.Io("cannot send on the channel", "sendmsg", errno, errno is Errno.EPIPE or Errno.ECONNRESET ? "the peer is gone" : null);
        }
    }

    private static SafeFileHandle ConnectSocket(string path)
    {
        SafeFileHandle socket = UnixSocket.Create();
        try
        {
            int errno = UnixSocket.Connect(socket, path);
            return errno == 0
                ? socket
                : throw LinuxError.Io($"cannot connect to {path}", "connect", errno, errno switch
                {
                    Errno.ENOENT => "there is no such socket; start its server first",
                    Errno.ECONNREFUSED => "nobody listens on it any more; start its server",
                    _ => null,
                });
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
