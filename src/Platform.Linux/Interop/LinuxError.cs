using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Makes the exceptions for failed calls. Each says what was wanted, which call failed how, and what can be done.</summary>
internal static class LinuxError
{
    /// <summary>
    /// A failed call, such as <c>cannot listen on /run/x: bind gave EACCES (Permission denied); choose a folder that ...</c>.
    /// Its <see cref="Exception.HResult"/> is the error number.
    /// </summary>
    internal static IOException Io(string what, string call, int errno, string? advice = null) =>
        new($"{what}: {call} gave {Errno.Describe(errno)}{(advice is null ? "" : $"; {advice}")}", errno);

    /// <summary>A call that failed on what a peer granted.</summary>
    internal static GrantException Grant(string what, string call, int errno, string? advice = null)
    {
        IOException inner = Io(what, call, errno, advice);
        return new GrantException(inner.Message, inner);
    }

    /// <summary>Wraps a descriptor that a call returned, or says why there is none.</summary>
    internal static SafeFileHandle Descriptor(int fd, string what, string call)
    {
        if (fd >= 0)
        {
            return new SafeFileHandle(fd, ownsHandle: true);
        }

        int errno = Errno.Last;
        throw Io(what, call, errno, errno is Errno.EMFILE or Errno.ENFILE ? "raise the limit of open files (ulimit -n)" : null);
    }
}
