using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>A right on Linux: an open file descriptor.</summary>
/// <param name="handle">The descriptor; the grant owns it from now on.</param>
public sealed class LinuxGrant(SafeFileHandle handle) : Grant
{
    private SafeFileHandle? _handle = handle;

    /// <summary>The descriptor. The grant keeps owning it.</summary>
    /// <exception cref="ObjectDisposedException">The grant was disposed or used up.</exception>
    public SafeFileHandle Handle
    {
        get
        {
            SafeFileHandle? handle = _handle;
            ObjectDisposedException.ThrowIf(handle is null, this);
            return handle;
        }
    }

    /// <summary>Takes over a descriptor that the process inherited, and keeps it from processes that this one starts.</summary>
    /// <param name="fd">Number of the descriptor. Nobody else in the process may own it.</param>
    /// <exception cref="GrantException">It is not open.</exception>
    public static LinuxGrant Adopt(int fd)
    {
        int flags = fd < 0 ? -1 : Libc.Fcntl(fd, Libc.F_GETFD, 0);
        if (flags < 0 || Libc.Fcntl(fd, Libc.F_SETFD, flags | Libc.FD_CLOEXEC) < 0)
        {
            throw new GrantException($"descriptor {fd} is not open in this process; whoever starts it has to leave it open across exec");
        }

        return new LinuxGrant(new SafeFileHandle(fd, ownsHandle: true));
    }

    /// <summary>Makes a further descriptor for what one is for, such as for a process that is about to be started.</summary>
    /// <param name="source">The descriptor, which stays its owner's.</param>
    /// <param name="least">Least number of the new one.</param>
    /// <exception cref="IOException">The process has no descriptors left.</exception>
    public static SafeFileHandle Duplicate(SafeFileHandle source, int least = 0)
    {
        ArgumentNullException.ThrowIfNull(source);
        return LinuxError.Descriptor(Libc.Fcntl(source, Libc.F_DUPFD_CLOEXEC, least), "cannot duplicate a descriptor", "fcntl(F_DUPFD_CLOEXEC)");
    }

    /// <inheritdoc/>
    public override MappedMemory Map(ulong offset, ulong length, MemoryAccess access)
    {
        SafeFileHandle file = Handle;
        SharedFile memory = SharedFile.Inspect(file);
        if (length == 0 || offset > memory.Size || length > memory.Size - offset)
        {
            throw new GrantException($"{length} bytes at offset {offset} were to be mapped of memory that is {memory.Size} bytes long; they have to be at least one and lie inside");
        }

        if (!FaultGuard.IsSupported && !memory.IsSealed)
        {
            throw new GrantException("the granted memory can be truncated under us, which cannot be survived on this processor; seal it with F_SEAL_SHRINK (QEMU: memory-backend-memfd)");
        }

        int protection = (access & ~MemoryAccess.ReadWrite) != 0 || access == MemoryAccess.None
            ? throw new ArgumentOutOfRangeException(nameof(access), access, "memory is mapped for reading, writing or both")
            : Libc.PROT_READ | ((access & MemoryAccess.Write) != 0 ? Libc.PROT_WRITE : 0);
        return LinuxMappedMemory.Map(file, offset, length, memory.PageSize, protection);
    }

    /// <inheritdoc/>
    public override Doorbell OpenDoorbell()
    {
        LinuxDoorbell doorbell = LinuxDoorbell.Open(Handle);
        _handle = null;
        return doorbell;
    }

    /// <inheritdoc/>
    public override MessageChannel OpenChannel()
    {
        UnixMessageChannel channel = UnixMessageChannel.Open(Handle);
        _handle = null;
        return channel;
    }

    /// <summary>Uses the grant as a listener for channels: a listening UNIX stream socket, or a connected one, which it accepts once. The grant is used up.</summary>
    /// <exception cref="GrantException">It is neither.</exception>
    public UnixChannelListener OpenListener()
    {
        UnixChannelListener listener = UnixChannelListener.Open(Handle);
        _handle = null;
        return listener;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _handle?.Dispose();
        _handle = null;
    }
}
