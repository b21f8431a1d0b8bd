using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>What a granted descriptor is as memory: whether it can be mapped at all, how long it is and in what pages.</summary>
/// <param name="Size">Length in bytes at the time of asking.</param>
/// <param name="PageSize">Unit of its mappings in bytes: 4096, or the size of its huge pages.</param>
/// <param name="IsSealed">It cannot shrink any more (F_SEAL_SHRINK).</param>
internal readonly record struct SharedFile(ulong Size, ulong PageSize, bool IsSealed)
{
    // File systems whose pages come from another process or machine: an access could wait for it for ever.
    private static readonly Dictionary<long, string> _remote = new()
    {
        [0x65735546] = "FUSE",
        [0x6969] = "NFS",
        [0xff534d42] = "CIFS",
        [0xfe534d42] = "SMB2",
        [0x01021997] = "9p",
        [0x00c36400] = "Ceph",
        [0x5346414f] = "AFS",
        [0x6b414653] = "kAFS",
    };

    /// <summary>Looks at a descriptor.</summary>
    /// <exception cref="GrantException">It is not memory.</exception>
    internal static SharedFile Inspect(SafeFileHandle file)
    {
        if (Libc.StatxAt(file, "", Libc.AT_EMPTY_PATH, Libc.STATX_BASIC_STATS, out Libc.Statx status) < 0)
        {
            throw LinuxError.Grant("cannot look at the granted memory", "statx", Errno.Last);
        }

        if ((status.Mode & Libc.S_IFMT) != Libc.S_IFREG)
        {
            throw new GrantException($"{FileKind.Of(status.Mode)} was granted as memory; it has to be a memfd, or a file on tmpfs, hugetlbfs or a local disk");
        }

        if (Libc.FStatFs(file, out Libc.StatFs fileSystem) < 0)
        {
            throw LinuxError.Grant("cannot look at the granted memory", "fstatfs", Errno.Last);
        }

        if (_remote.TryGetValue(fileSystem.Type & 0xffffffff, out string? name))
        {
            throw new GrantException($"a file on {name} was granted as memory; another process or machine could stop every access to it, so it has to be a memfd, or a file on tmpfs, hugetlbfs or a local disk");
        }

        int seals = Libc.Fcntl(file, Libc.F_GET_SEALS, 0);
        return new SharedFile(
            status.Size,
            fileSystem.Type == Libc.HUGETLBFS_MAGIC ? (ulong)fileSystem.BlockSize : 4096,
            seals >= 0 && (seals & Libc.F_SEAL_SHRINK) != 0);
    }
}
