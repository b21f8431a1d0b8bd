namespace Makatea.Platform.Linux;

/// <summary>How a file or block device of the host is opened as a <see cref="FileBlockDevice"/>.</summary>
public sealed record FileBlockOptions
{
    /// <summary>Nothing will be written.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Past the host's page cache (O_DIRECT). A file in memory has no other place, so there it means nothing.</summary>
    public bool Direct { get; init; }

    /// <summary>
    /// Block size in bytes that the device shows: a power of two from 512 to 65,536. Null takes the host device's, or 512 for a file (with
    /// <see cref="Direct"/>, the smallest unit that the file system does direct I/O in).
    /// </summary>
    public int? BlockSize { get; init; }

    /// <summary>How requests are done.</summary>
    public FileEngine Engine { get; init; }

    /// <summary>Who else may use the file at the same time.</summary>
    public FileLocking Locking { get; init; }

    /// <summary>
    /// How long to wait for a lock that another holds. The kernel gives the locks of a process that was killed back only after its
    /// outstanding requests ended, so a domain that is started again needs a moment.
    /// </summary>
    public TimeSpan LockTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// How often to look whether the file grew; zero leaves that to <see cref="FileBlockDevice.Refresh()"/>. A file that got shorter by itself is a fault and
    /// no smaller disk: requests behind its end fail.
    /// </summary>
    public TimeSpan SizeWatch { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Told in a sentence what the user may want to know: which way was not open, what was chosen instead and what to do about it. On the
    /// thread that opens the device or a queue.
    /// </summary>
    public Action<string>? Notice { get; init; }
}
