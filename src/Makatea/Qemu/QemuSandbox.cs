using System.Runtime.InteropServices;
using Makatea.Platform.Linux;

namespace Makatea.Qemu;

/// <summary>
/// How QEMU is started. It ends with the manager, however that ends, and gains no privileges. It is not confined further: it opens its own files, and its guest trusts it
/// with everything already.
/// </summary>
internal static class QemuSandbox
{
    private const SandboxLayers Layers = SandboxLayers.DiesWithParent | SandboxLayers.NoNewPrivileges;

    public static SandboxOptions Options(string qemu, IReadOnlyList<string> arguments, IReadOnlyDictionary<int, SafeHandle>? descriptors = null) => new()
    {
        Executable = qemu,
        Arguments = arguments,
        Descriptors = descriptors ?? new Dictionary<int, SafeHandle>(),
        Layers = Layers,
        Required = Layers,
        Limits = new SandboxLimits { OpenFiles = null, Threads = null, LockedMemory = null },
    };
}
