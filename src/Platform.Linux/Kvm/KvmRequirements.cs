using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>What KVM has to have; all of it is in Linux 5.10 and later.</summary>
internal static class KvmRequirements
{
    internal const int KVM_CAP_NR_MEMSLOTS = 10;
    internal const int KVM_CAP_TSC_CONTROL = 60;
    internal const int KVM_CAP_MAX_VCPUS = 66;
    internal const int KVM_CAP_X86_USER_SPACE_MSR = 188;
    internal const int KVM_CAP_EXIT_ON_EMULATION_FAILURE = 204;
    internal const int KVM_CAP_XSAVE2 = 208;

    private static readonly (int Number, string Name)[] _needed =
    [
        (3, "KVM_CAP_USER_MEMORY"),
        (4, "KVM_CAP_SET_TSS_ADDR"),
        (7, "KVM_CAP_EXT_CPUID"),
        (16, "KVM_CAP_SYNC_MMU"),
        (21, "KVM_CAP_DESTROY_MEMORY_REGION_WORKS"),
        (22, "KVM_CAP_USER_NMI"),
        (36, "KVM_CAP_IOEVENTFD"),
        (37, "KVM_CAP_SET_IDENTITY_MAP_ADDR"),
        (41, "KVM_CAP_VCPU_EVENTS"),
        (50, "KVM_CAP_DEBUGREGS"),
        (55, "KVM_CAP_XSAVE"),
        (56, "KVM_CAP_XCRS"),
        (61, "KVM_CAP_GET_TSC_KHZ"),
        (81, "KVM_CAP_READONLY_MEM"),
        (100, "KVM_CAP_IOEVENTFD_NO_LENGTH"),
        (105, "KVM_CAP_CHECK_EXTENSION_VM"),
        (136, "KVM_CAP_IMMEDIATE_EXIT"),
        (153, "KVM_CAP_GET_MSR_FEATURES"),
        (KVM_CAP_X86_USER_SPACE_MSR, "KVM_CAP_X86_USER_SPACE_MSR"),
        (189, "KVM_CAP_X86_MSR_FILTER"),
    ];

    /// <summary>Refuses another interface than ours.</summary>
    /// <exception cref="IOException">It is another.</exception>
    internal static void CheckVersion(SafeFileHandle device)
    {
        int version = Libc.IoctlNumber(device, Libc.KVM_GET_API_VERSION, 0);
        if (version != Libc.KVM_API_VERSION)
        {
            throw version < 0
                ? LinuxError.Io("cannot use KVM", "KVM_GET_API_VERSION", Errno.Last)
                : new IOException($"KVM has version {version} of its interface; {Libc.KVM_API_VERSION} is known here");
        }
    }

    /// <summary>Refuses a kernel that lacks something.</summary>
    /// <exception cref="IOException">It does; the message says what.</exception>
    internal static void Check(SafeFileHandle device) => Check(capability => Libc.KvmCheckExtension(device, capability));

    /// <summary>Refuses what lacks something.</summary>
    internal static void Check(Func<int, int> extension)
    {
        string[] missing = [.. from capability in _needed where extension(capability.Number) <= 0 select capability.Name];
        if (missing.Length > 0)
        {
            throw new IOException($"the kernel's KVM lacks {string.Join(", ", missing)}; Linux 5.10 and later have all that is needed");
        }
    }
}
