namespace Makatea.Platform.Linux;

/// <summary>Private memory for devices, with an inaccessible page on either side. Not in core dumps, and not in forked processes, which would get copies of pages that devices write.</summary>
internal sealed class PinnedMemory : MappedMemory
{
    private const ulong PageSize = 4096;
    private const ulong LargePage = 2 << 20;
    private readonly nint _reservation;
    private readonly nuint _reserved;
    private bool _disposed;

    private PinnedMemory(nint reservation, nuint reserved, nint address, ulong length)
    {
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
    public override bool IsLost => false;

    /// <summary>Makes zeroed pages; from 2 MiB on aligned to as much, for large pages.</summary>
    /// <param name="length">Whole pages.</param>
    /// <exception cref="DmaException">There is no memory.</exception>
    internal static PinnedMemory Allocate(ulong length)
    {
        ulong alignment = length >= LargePage ? LargePage : PageSize;
        nuint room = (nuint)checked(length + alignment + (2 * PageSize));
        nint area = Libc.MMap(0, room, Libc.PROT_NONE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE, -1, 0);
        if (area == Libc.MapFailed)
        {
            throw Refused(length);
        }

        nint address = (nint)(((ulong)area + PageSize + (alignment - 1)) & ~(alignment - 1));
        var memory = new PinnedMemory(area, room, address, length);
        if (Libc.MProtect(address, (nuint)length, Libc.PROT_READ | Libc.PROT_WRITE) < 0)
        {
            DmaException refused = Refused(length);
            memory.Dispose();
            throw refused;
        }

        _ = Libc.MAdvise(address, (nuint)length, Libc.MADV_DONTFORK);
        _ = Libc.MAdvise(address, (nuint)length, Libc.MADV_DONTDUMP);
        return memory;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (!_disposed)
        {
            _disposed = true;
            _ = Libc.MUnmap(_reservation, _reserved);
        }
    }

    private static DmaException Refused(ulong length)
    {
        IOException cause = LinuxError.Io($"cannot make {length} bytes of memory for devices", "mmap", Errno.Last);
        return new DmaException(cause.Message, cause);
    }
}
