using Makatea.Platform.Linux.Sandboxing;

namespace Makatea.Platform.Linux;

/// <summary>
/// This process's limit of locked memory (RLIMIT_MEMLOCK), which those that it starts have from it. All that a component maps for a device of VFIO counts: a qube's whole RAM, so that
/// its data goes to the device without being copied.
/// </summary>
public static class LockedMemory
{
    private const int Resource = 8;

    /// <summary>Takes the limit away, where this process may (CAP_SYS_RESOURCE).</summary>
    /// <returns>The limit that is left in bytes; <see cref="ulong.MaxValue"/> for none.</returns>
    public static unsafe ulong RaiseLimit()
    {
        ulong* none = stackalloc ulong[] { ulong.MaxValue, ulong.MaxValue };
        if (SandboxNative.Call((long)Syscall.Prlimit64, 0, Resource, (long)none, 0) == 0)
        {
            return ulong.MaxValue;
        }

        // Others may go as far as their hard limit.
        ulong hard = SandboxHost.HardLimit(Resource);
        ulong* most = stackalloc ulong[] { hard, hard };
        _ = SandboxNative.Call((long)Syscall.Prlimit64, 0, Resource, (long)most, 0);
        return hard;
    }
}
