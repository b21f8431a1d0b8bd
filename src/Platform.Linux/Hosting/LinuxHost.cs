using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>What a component can make for itself on Linux: memfds, eventfds and epoll waiters.</summary>
public sealed class LinuxHost : ComponentHost
{
    private const int SmallPage = 4096;
    private const int HugePage = 2 << 20;

    /// <summary>Makes the host of this process, and installs the guard for memory that peers take away.</summary>
    /// <exception cref="IOException">The kernel refuses the guard.</exception>
    public LinuxHost() => FaultGuard.Install();

    /// <summary>The right that a manifest names, which the process inherited as descriptor <see cref="ManifestGrant.Slot"/>.</summary>
    /// <exception cref="GrantException">The descriptor is not open.</exception>
    public static LinuxGrant Adopt(ManifestGrant grant)
    {
        try
        {
            return LinuxGrant.Adopt(grant.Slot);
        }
        catch (GrantException e)
        {
            throw new GrantException($"grant '{grant.Name}' ({grant.Type}): {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public override Grant CreateMemory(string name, ulong length) => CreateMemory(name, length, Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING | Libc.MFD_NOEXEC_SEAL, null);

    /// <inheritdoc/>
    public override Grant CreateMemory(string name, ulong length, int pageSize) => pageSize switch
    {
        SmallPage => CreateMemory(name, length),
        HugePage => CreateMemory(
            name, length, Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING | Libc.MFD_NOEXEC_SEAL | Libc.MFD_HUGETLB | Libc.MFD_HUGE_2MB,
            "give the machine more huge pages: echo 64 > /proc/sys/vm/nr_hugepages"),
        _ => base.CreateMemory(name, length, pageSize),
    };

    private static LinuxGrant CreateMemory(string name, ulong length, uint flags, string? advice)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, (ulong)long.MaxValue);
        string what = $"cannot make {length} bytes of shared memory '{name}'";

        // The kernel takes names of up to 249 bytes, and knows MFD_NOEXEC_SEAL from 6.3 on.
        string shown = name.Length > 60 ? name[..60] : name;
        int fd = Libc.MemfdCreate(shown, flags);
        if (fd < 0 && Errno.Last == Errno.EINVAL)
        {
            fd = Libc.MemfdCreate(shown, flags & ~Libc.MFD_NOEXEC_SEAL);
        }

        SafeFileHandle memory = LinuxError.Descriptor(fd, what, "memfd_create");
        try
        {
            if (Libc.FTruncate(memory, (long)length) < 0)
            {
                throw LinuxError.Io(what, "ftruncate", Errno.Last);
            }

            if (Libc.Fcntl(memory, Libc.F_ADD_SEALS, Libc.F_SEAL_SHRINK | Libc.F_SEAL_GROW | Libc.F_SEAL_SEAL) < 0)
            {
                throw LinuxError.Io(what, "fcntl(F_ADD_SEALS)", Errno.Last);
            }

            if (advice is not null)
            {
                Reserve((int)memory.DangerousGetHandle(), length, what, advice);
            }

            return new LinuxGrant(memory);
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>Takes the pages now: one that is missing later would be a fault.</summary>
    private static void Reserve(int memory, ulong length, string what, string advice)
    {
        if (Libc.FAllocate(memory, 0, 0, (long)length) < 0)
        {
            throw LinuxError.Io(what, "fallocate", Errno.Last, advice);
        }
    }

    /// <inheritdoc/>
    public override Doorbell CreateDoorbell() => EventDoorbell.Create();

    /// <inheritdoc/>
    public override Grant ShareDoorbell(Doorbell doorbell, DoorbellEnd end)
    {
        LinuxDoorbell linux = doorbell as LinuxDoorbell
            ?? throw new ArgumentException($"{doorbell.GetType()} is not a doorbell of this host", nameof(doorbell));
        return new LinuxGrant(LinuxError.Descriptor(
            Libc.Fcntl(linux.Handle, Libc.F_DUPFD_CLOEXEC, 0), "cannot share a doorbell", "fcntl(F_DUPFD_CLOEXEC)"));
    }

    /// <inheritdoc/>
    public override DoorbellWaiter CreateWaiter() => new EpollWaiter();

    /// <inheritdoc/>
    public override MessageChannel CreateChannel(out Grant peer)
    {
        (UnixMessageChannel ours, LinuxGrant theirs) = UnixMessageChannel.CreatePair();
        peer = theirs;
        return ours;
    }
}
