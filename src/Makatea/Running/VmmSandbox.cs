using System.Runtime.InteropServices;
using Makatea.Platform.Linux;

namespace Makatea.Running;

/// <summary>
/// How QEMU and makatea-vmm are started. They end with the manager, however that ends, and gain no privileges. They are not confined further: they open their own files and sockets, and their guest
/// trusts them with everything already.
/// </summary>
internal static class VmmSandbox
{
    private const SandboxLayers Layers = SandboxLayers.DiesWithParent | SandboxLayers.NoNewPrivileges;

    /// <summary>Starts an executable.</summary>
    public static SandboxOptions Options(string executable, IReadOnlyList<string> arguments, IReadOnlyDictionary<int, SafeHandle>? descriptors = null) =>
        Apply(new() { Executable = executable, Arguments = arguments }, descriptors);

    /// <summary>Starts what <paramref name="program"/> describes.</summary>
    public static SandboxOptions Apply(SandboxOptions program, IReadOnlyDictionary<int, SafeHandle>? descriptors = null) => program with
    {
        Descriptors = descriptors ?? new Dictionary<int, SafeHandle>(),
        Layers = Layers,
        Required = Layers,
        Limits = new SandboxLimits { OpenFiles = null, Threads = null, LockedMemory = null },
    };
}
