using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A netlink socket that hears of links of the network namespace in which it was made, whoever uses it: a component in a namespace of its own is granted one.
/// </summary>
internal sealed unsafe class LinkSocket(SafeFileHandle handle) : IDisposable
{
    private const uint LinkGroup = 1;
    private const int HeaderLength = 16;
    private const int InfoLength = 16;
    private const ushort GetLink = 18;
    private const ushort Error = 2;
    private const ushort AttributeName = 3;
    private const ushort Request = 1;
    private readonly byte[] _buffer = new byte[32768];
    private bool _isReleased;

    /// <summary>The socket.</summary>
    internal SafeFileHandle Handle { get; } = handle;

    /// <summary>Makes one.</summary>
    internal static LinkSocket Create()
    {
        const string What = "cannot hear of network interfaces";
        SafeFileHandle socket = LinuxError.Descriptor(
            Libc.Socket(Libc.AF_NETLINK, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, Libc.NETLINK_ROUTE), What, "socket(AF_NETLINK)");
        Libc.NetlinkAddress address = new() { Family = Libc.AF_NETLINK, Groups = LinkGroup };
        if (Libc.BindTo(socket, &address, (uint)sizeof(Libc.NetlinkAddress)) < 0)
        {
            int errno = Errno.Last;
            socket.Dispose();
            throw LinuxError.Io(What, "bind", errno);
        }

        return new LinkSocket(socket);
    }

    /// <summary>Asks for the state of an interface; <see cref="Receive"/> gives the answer.</summary>
    /// <param name="name">Its name, or null to go by number.</param>
    /// <param name="index">Its number.</param>
    internal void Ask(string? name, int index)
    {
        Span<byte> message = stackalloc byte[HeaderLength + InfoLength + 4 + Libc.IFNAMSIZ];
        message.Clear();
        int length = HeaderLength + InfoLength;
        if (name is null)
        {
            BinaryPrimitives.WriteInt32LittleEndian(message[(HeaderLength + 4)..], index);
        }
        else
        {
            int bytes = Encoding.UTF8.GetBytes(name, message[(length + 4)..^1]) + 1;
            BinaryPrimitives.WriteUInt16LittleEndian(message[length..], (ushort)(4 + bytes));
            BinaryPrimitives.WriteUInt16LittleEndian(message[(length + 2)..], AttributeName);
            length += (4 + bytes + 3) & ~3;
        }

        BinaryPrimitives.WriteInt32LittleEndian(message, length);
        BinaryPrimitives.WriteUInt16LittleEndian(message[4..], GetLink);
        BinaryPrimitives.WriteUInt16LittleEndian(message[6..], Request);
        fixed (byte* bytes = message)
        {
            MemorySegment segment = MemorySegment.UnsafeCreate((nint)bytes, length);
            Libc.NetlinkAddress kernel = new() { Family = Libc.AF_NETLINK };
            Libc.MessageHeader header = new() { Name = &kernel, NameLength = (uint)sizeof(Libc.NetlinkAddress), Segments = &segment, SegmentCount = 1 };
            if (Libc.SendMsg(Handle, &header, Libc.MSG_NOSIGNAL) < 0)
            {
                throw LinuxError.Io($"cannot ask for the interface {name ?? $"number {index}"}", "sendmsg", Errno.Last);
            }
        }
    }

    /// <summary>Waits for news.</summary>
    /// <param name="milliseconds">For how long.</param>
    /// <param name="changes">The states of links that were told.</param>
    /// <returns>0, or the error number: of the answer to <see cref="Ask"/>, or ENOBUFS where news were lost.</returns>
    internal int Receive(int milliseconds, List<LinkState> changes)
    {
        changes.Clear();
        Libc.PollFd poll = new() { Fd = (int)Handle.DangerousGetHandle(), Events = Libc.POLLIN };
        if (Libc.Poll(&poll, 1, milliseconds) <= 0)
        {
            return 0;
        }

        nint received;
        fixed (byte* bytes = _buffer)
        {
            MemorySegment segment = MemorySegment.UnsafeCreate((nint)bytes, _buffer.Length);
            Libc.MessageHeader header = new() { Segments = &segment, SegmentCount = 1 };
            received = Libc.RecvMsg(Handle, &header, Libc.MSG_DONTWAIT);
        }

        if (received < 0)
        {
            return Errno.Last is Errno.EAGAIN or Errno.EINTR ? 0 : Errno.Last;
        }

        int error = 0;
        for (ReadOnlySpan<byte> rest = _buffer.AsSpan(0, (int)received); rest.Length >= HeaderLength;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(rest);
            if (length < HeaderLength || length > rest.Length)
            {
                break;
            }

            if (BinaryPrimitives.ReadUInt16LittleEndian(rest[4..]) == Error && length >= HeaderLength + sizeof(int))
            {
                error = -BinaryPrimitives.ReadInt32LittleEndian(rest[HeaderLength..]);
            }
            else if (LinkState.Read(rest[..length]) is { } state)
            {
                changes.Add(state);
            }

            rest = rest[Math.Min((length + 3) & ~3, rest.Length)..];
        }

        return error;
    }

    /// <summary>Gives the socket away.</summary>
    internal SafeFileHandle Release()
    {
        _isReleased = true;
        return Handle;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isReleased)
        {
            Handle.Dispose();
        }
    }
}
