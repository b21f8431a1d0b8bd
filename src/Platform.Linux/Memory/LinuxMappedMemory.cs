using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A mapped piece of a file, with an inaccessible page on either side, so that running over its edge faults instead of
/// reaching other memory. It is guarded by <see cref="FaultGuard"/> and left out of core dumps and of forked processes.
/// </summary>
internal sealed unsafe class LinuxMappedMemory : MappedMemory
{
    private const ulong PageSize = 4096;

    // Where the kernel uses transparent huge pages for shared memory, it needs address and offset to agree to this.
    private const ulong HugePageSize = 2 << 20;

    /// <summary>Its grant's: a descriptor of our own for each mapping would let a peer with many regions exhaust them for everybody.</summary>
    private readonly SafeFileHandle _file;

    private readonly ulong _offset;
    private readonly nint _reservation;
    private readonly nuint _reserved;
    private FaultGuardEntry* _guard;
    private bool _lost;
    private bool _disposed;

    private LinuxMappedMemory(SafeFileHandle file, ulong offset, nint reservation, nuint reserved, nint address, ulong length)
    {
        _file = file;
        _offset = offset;
        _reservation = reservation;
        _reserved = reserved;
        Address = address;
        Length = length;
    }

    /// <inheritdoc/>
    public override nint Address { get; }

    /// <inheritdoc/>
    public override ulong Length { get; }

    /// <inheritdoc/>
    public override bool IsLost
    {
        get
        {
            FaultGuardEntry* guard = _guard;
            return guard is null ? _lost : Volatile.Read(ref guard->Lost) != 0;
        }
    }

    /// <inheritdoc/>
    public override Grant? Share(out ulong offset)
    {
        offset = _offset;
        try
        {
            int descriptor = Libc.Fcntl(_file, Libc.F_DUPFD_CLOEXEC, 0);
            return descriptor < 0 ? null : new LinuxGrant(new SafeFileHandle(descriptor, ownsHandle: true));
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>Maps bytes that are known to lie inside <paramref name="file"/>.</summary>
    /// <param name="file">The descriptor.</param>
    /// <param name="offset">Where in the file, in bytes.</param>
    /// <param name="length">Length in bytes.</param>
    /// <param name="granule">The file's page size, a power of two: 4096, or that of its huge pages.</param>
    /// <param name="protection">PROT_ bits.</param>
    /// <exception cref="GrantException">The host refuses; the message says why.</exception>
    internal static LinuxMappedMemory Map(SafeFileHandle file, ulong offset, ulong length, ulong granule, int protection)
    {
        ulong start = offset & ~(granule - 1);
        ulong span = ((offset + length + granule - 1) & ~(granule - 1)) - start;
        ulong alignment = span >= HugePageSize ? Math.Max(granule, HugePageSize) : granule;
        string what = $"cannot map {length} bytes at offset {offset}";

        // Room for the pages, a guard page on either side and the alignment; then the pages over the middle, and the rest given back.
        ulong room = span + alignment + (2 * PageSize);
        nint area = Libc.MMap(0, (nuint)room, Libc.PROT_NONE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE, -1, 0);
        if (area == Libc.MapFailed)
        {
            throw LinuxError.Grant(what, "mmap", Errno.Last, "the process has no address space for it");
        }

        ulong phase = start & (alignment - 1);
        ulong pages = (((ulong)area + PageSize - phase + alignment - 1) & ~(alignment - 1)) + phase;
        nint reservation = (nint)(pages - PageSize);
        nuint reserved = (nuint)(span + (2 * PageSize));
        Trim(area, (nuint)(reservation - area));
        Trim(reservation + (nint)reserved, (nuint)((ulong)area + room - (ulong)reservation - reserved));

        LinuxMappedMemory memory = new(file, offset, reservation, reserved, (nint)(pages + (offset - start)), length);
        try
        {
            if (Libc.MMap((nint)pages, (nuint)span, protection, Libc.MAP_SHARED | Libc.MAP_FIXED, file, (long)start) == Libc.MapFailed)
            {
                throw Refused(what, Errno.Last);
            }

            // Another's secrets have no place in our core dumps. A kernel without this advice is no reason to fail.
            _ = Libc.MAdvise((nint)pages, (nuint)span, Libc.MADV_DONTDUMP);
            _ = Libc.MAdvise((nint)pages, (nuint)span, Libc.MADV_DONTFORK);
            if (FaultGuard.IsSupported)
            {
                memory._guard = FaultGuard.Register((nint)pages, (nuint)span, protection);
            }

            return memory;
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>Puts private zeroes in the place of the file, which is not held any more. Whoever reads or writes meanwhile sees one or the other.</summary>
    internal void Forget()
    {
        if (!_disposed)
        {
            _ = Libc.MMap(_reservation + (nint)PageSize, _reserved - (nuint)(2 * PageSize), Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE | Libc.MAP_FIXED, -1, 0);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        FaultGuardEntry* guard = _guard;
        if (guard is not null)
        {
            _lost = IsLost;
            _guard = null;
            FaultGuard.Unregister(guard);
        }

        if (!_disposed)
        {
            _disposed = true;
            _ = Libc.MUnmap(_reservation, _reserved);
        }
    }

    private static void Trim(nint address, nuint length)
    {
        if (length != 0)
        {
            _ = Libc.MUnmap(address, length);
        }
    }

    private static GrantException Refused(string what, int errno) => LinuxError.Grant(what, "mmap", errno, errno switch
    {
        Errno.EACCES => "the descriptor is not open for that access",
        Errno.EPERM => "the memory is sealed against writing",
        Errno.ENOMEM => "there is no memory, address space or huge page left, or the process has too many mappings",
        _ => null,
    });
}
