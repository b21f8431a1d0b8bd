using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Opening VFIO's files, with what to do where it fails.</summary>
internal static class VfioError
{
    /// <summary>Opens a file of /dev/vfio.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    internal static SafeFileHandle Open(string path, string whereMissing)
    {
        int fd = Libc.Open(path, Libc.O_RDWR | Libc.O_CLOEXEC);
        int errno = fd < 0 ? Errno.Last : 0;
        return fd >= 0
            ? new SafeFileHandle(fd, ownsHandle: true)
            : throw LinuxError.Io($"cannot open {path}", "open", errno, errno switch
            {
                Errno.ENOENT => whereMissing,
                Errno.EACCES or Errno.EPERM => "be root, or be given the file (a rule of udev, or chown)",
                Errno.EBUSY => "another process has it; a group has one user",
                Errno.ENODEV => "load the module vfio-pci",
                _ => null,
            });
    }
}
