using System.Globalization;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>What the starting process and its kernel are like.</summary>
internal static class SandboxHost
{
    private const uint LowestGate = 0x1_0000;
    private const long LandlockVersion = 1;

    public static bool IsRoot => SandboxNative.GetEffectiveUser() == 0;

    /// <summary>Fails where the system calls have other numbers.</summary>
    public static void RequireLinuxX64()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw new PlatformNotSupportedException($"the sandbox is for Linux on x86-64, not for {RuntimeInformation.RuntimeIdentifier}");
        }
    }

    /// <summary>Version of Landlock's interface, or a negative error number where there is none.</summary>
    public static int Landlock =>
        SandboxNative.Call((long)Syscall.LandlockCreateRuleset, 0, 0, LandlockVersion, 0) is var version and > 0 ? (int)version : -Errno.Last;

    /// <summary>The hard limit of this process.</summary>
    public static unsafe ulong HardLimit(int resource)
    {
        ulong* limit = stackalloc ulong[2];
        return SandboxNative.Call((long)Syscall.Prlimit64, 0, resource, 0, (long)limit) == 0 ? limit[1] : ulong.MaxValue;
    }

    /// <summary>The highest capability that the kernel knows.</summary>
    public static int LastCapability => (int)ReadNumber("/proc/sys/kernel/cap_last_cap", 40);

    /// <summary>The lowest address that can be mapped.</summary>
    public static uint Gate => (uint)Math.Max(LowestGate, (ReadNumber("/proc/sys/vm/mmap_min_addr", LowestGate) + 4095) & ~4095);

    /// <summary>Where to put the new root while it is built: any directory.</summary>
    public static string? StagingDirectory => new[] { "/tmp", "/mnt", "/run", "/var" }.FirstOrDefault(Directory.Exists);

    /// <summary>Whether the kernel has that kind of namespace: its name in <c>/proc/self/ns</c>.</summary>
    public static bool HasNamespace(string kind) => File.Exists($"/proc/self/ns/{kind}");

    private static long ReadNumber(string path, long otherwise)
    {
        try
        {
            return long.Parse(File.ReadAllText(path), CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return otherwise;
        }
    }
}
