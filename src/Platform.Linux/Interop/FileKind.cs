using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Names kinds of files for messages.</summary>
internal static class FileKind
{
    /// <summary>Whether a descriptor is a socket.</summary>
    internal static bool IsSocket(SafeFileHandle handle) =>
        Libc.StatxAt(handle, "", Libc.AT_EMPTY_PATH, Libc.STATX_BASIC_STATS, out Libc.Statx status) == 0 && (status.Mode & Libc.S_IFMT) == Libc.S_IFSOCK;

    /// <summary>With its article, from <c>st_mode</c>.</summary>
    internal static string Of(int mode) => (mode & Libc.S_IFMT) switch
    {
        Libc.S_IFREG => "a file",
        Libc.S_IFDIR => "a folder",
        Libc.S_IFCHR => "a character device",
        Libc.S_IFBLK => "a block device",
        Libc.S_IFIFO => "a pipe",
        Libc.S_IFSOCK => "a socket",
        0 => "an eventfd or other anonymous descriptor",
        _ => $"a file of unknown kind 0{mode & Libc.S_IFMT:x}",
    };
}
