using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Rings when a descriptor has something to read; only the kernel rings it.</summary>
internal sealed class ReadableDoorbell : LinuxDoorbell
{
    private ReadableDoorbell(SafeFileHandle handle)
        : base(handle)
    {
    }

    /// <summary>One for a descriptor, which stays the caller's.</summary>
    internal static ReadableDoorbell Of(SafeFileHandle handle) => new(LinuxError.Descriptor(
        Libc.Fcntl(handle, Libc.F_DUPFD_CLOEXEC, 0), "cannot wait for a descriptor", "fcntl(F_DUPFD_CLOEXEC)"));

    /// <inheritdoc/>
    public override void Ring()
    {
    }
}
