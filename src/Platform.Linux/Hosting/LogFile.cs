using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Files that several processes write their logs to.</summary>
public static class LogFile
{
    private const int OwnerReadWrite = 0x180; // 0600

    /// <summary>
    /// Opens a file, made where there is none, whose every write goes to its end (O_APPEND), whoever writes it. .NET's own files do not: each process that is given one keeps
    /// a position of its own.
    /// </summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static SafeFileHandle Open(string path) => LinuxError.Descriptor(
        Libc.Open(path, Libc.O_WRONLY | Libc.O_APPEND | Libc.O_CREAT | Libc.O_CLOEXEC, OwnerReadWrite), $"cannot open the log '{path}'", "open");
}
