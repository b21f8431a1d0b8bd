using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>Error numbers of the kernel: those that are told apart here, and the names of those that show up in messages.</summary>
internal static class Errno
{
    internal const int EPERM = 1;
    internal const int ENOENT = 2;
    internal const int EINTR = 4;
    internal const int EIO = 5;
    internal const int ENXIO = 6;
    internal const int E2BIG = 7;
    internal const int EBADF = 9;
    internal const int EAGAIN = 11;
    internal const int ENOMEM = 12;
    internal const int EACCES = 13;
    internal const int EFAULT = 14;
    internal const int EBUSY = 16;
    internal const int EEXIST = 17;
    internal const int ENODEV = 19;
    internal const int EINVAL = 22;
    internal const int ENFILE = 23;
    internal const int EMFILE = 24;
    internal const int ENOSPC = 28;
    internal const int EPIPE = 32;
    internal const int ENOSYS = 38;
    internal const int ENOTSOCK = 88;
    internal const int EMSGSIZE = 90;
    internal const int EOPNOTSUPP = 95;
    internal const int EADDRINUSE = 98;
    internal const int ENOBUFS = 105;
    internal const int ECONNABORTED = 103;
    internal const int ECONNRESET = 104;
    internal const int ETOOMANYREFS = 109;
    internal const int ECONNREFUSED = 111;

    /// <summary>Of this thread's last call that was declared with <c>SetLastError</c>.</summary>
    internal static int Last => Marshal.GetLastPInvokeError();

    /// <summary>Name and text, such as <c>ENOENT (No such file or directory)</c>.</summary>
    internal static string Describe(int errno) => $"{Name(errno)} ({Marshal.GetPInvokeErrorMessage(errno)})";

    private static string Name(int errno) => errno switch
    {
        EPERM => "EPERM",
        ENOENT => "ENOENT",
        EINTR => "EINTR",
        EIO => "EIO",
        ENXIO => "ENXIO",
        E2BIG => "E2BIG",
        EBADF => "EBADF",
        10 => "ECHILD",
        EAGAIN => "EAGAIN",
        ENOMEM => "ENOMEM",
        EACCES => "EACCES",
        EFAULT => "EFAULT",
        EBUSY => "EBUSY",
        EEXIST => "EEXIST",
        ENODEV => "ENODEV",
        20 => "ENOTDIR",
        21 => "EISDIR",
        EINVAL => "EINVAL",
        ENFILE => "ENFILE",
        EMFILE => "EMFILE",
        25 => "ENOTTY",
        26 => "ETXTBSY",
        27 => "EFBIG",
        ENOSPC => "ENOSPC",
        29 => "ESPIPE",
        30 => "EROFS",
        EPIPE => "EPIPE",
        34 => "ERANGE",
        35 => "EDEADLK",
        36 => "ENAMETOOLONG",
        ENOSYS => "ENOSYS",
        40 => "ELOOP",
        75 => "EOVERFLOW",
        87 => "EUSERS",
        ENOTSOCK => "ENOTSOCK",
        90 => "EMSGSIZE",
        91 => "EPROTOTYPE",
        EOPNOTSUPP => "EOPNOTSUPP",
        EADDRINUSE => "EADDRINUSE",
        99 => "EADDRNOTAVAIL",
        ECONNABORTED => "ECONNABORTED",
        ECONNRESET => "ECONNRESET",
        ENOBUFS => "ENOBUFS",
        106 => "EISCONN",
        107 => "ENOTCONN",
        ETOOMANYREFS => "ETOOMANYREFS",
        110 => "ETIMEDOUT",
        ECONNREFUSED => "ECONNREFUSED",
        122 => "EDQUOT",
        125 => "ECANCELED",
        _ => $"errno {errno}",
    };
}
