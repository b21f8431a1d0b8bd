namespace Makatea.Platform.Linux;

/// <summary>How the requests of a <see cref="FileBlockDevice"/> are done. All do the same.</summary>
public enum FileEngine
{
    /// <summary>
    /// <see cref="Mapped"/> for files in memory (tmpfs, memfd), else <see cref="IoUring"/> where the kernel lets us, else <see cref="Threads"/>.
    /// </summary>
    Auto,

    /// <summary>
    /// For files in memory: each request is a copy from or to a mapping of the file, done when <see cref="BlockQueue.Submit"/> returns. What is not
    /// there yet, and everything once somebody cut the file off, is done as in <see cref="Inline"/>. On x86-64 only.
    /// </summary>
    Mapped,

    /// <summary>
    /// Each request is a system call of the queue's own thread, done when <see cref="BlockQueue.Submit"/> returns. For files in memory; on any
    /// other the thread waits for the disk.
    /// </summary>
    Inline,

    /// <summary>A batch is one <c>io_uring_enter</c>.</summary>
    IoUring,

    /// <summary>Each request is a system call of one of the queue's own pool of threads.</summary>
    Threads,
}
