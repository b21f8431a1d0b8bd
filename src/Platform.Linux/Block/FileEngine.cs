namespace Makatea.Platform.Linux;

/// <summary>How the requests of a <see cref="FileBlockDevice"/> are done. All do the same.</summary>
public enum FileEngine
{
    /// <summary><see cref="Inline"/> for files in memory, else <see cref="IoUring"/> where the kernel lets us, else <see cref="Threads"/>.</summary>
    Auto,

    /// <summary>
    /// Each request is a system call of the queue's own thread, done when <see cref="BlockQueue.Submit"/> returns. The least work per request, for
    /// files whose bytes are in memory (tmpfs, memfd); on any other file the thread waits for the disk.
    /// </summary>
    Inline,

    /// <summary>A batch is one <c>io_uring_enter</c>.</summary>
    IoUring,

    /// <summary>Each request is a system call of one of the queue's own pool of threads.</summary>
    Threads,
}
