using System.Globalization;
using System.Runtime.InteropServices;
using Makatea.Platform.Linux;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>How a domain's component is started: this program again, with a verb of its own, in a sandbox.</summary>
internal static class ComponentSandbox
{
    /// <summary>The verb.</summary>
    public const string Verb = "component";

    public static SandboxOptions Options(DomainDescription domain, IReadOnlyDictionary<int, SafeHandle> descriptors)
    {
        SandboxOptions options = DotnetSandbox.ForAssembly(typeof(ComponentSandbox).Assembly.Location, Verb);
        return options with
        {
            Descriptors = descriptors,
            AllowIoUring = true,
            Limits = new SandboxLimits { LockedMemory = null }, // io_uring may need it
            Environment = new Dictionary<string, string>(options.Environment)
            {
                [HeapSettings.Limit] = "0x" + domain.Memory.ToString("x", CultureInfo.InvariantCulture),
                [HeapSettings.Range] = "0x" + HeapSettings.RangeOf(domain.Memory).ToString("x", CultureInfo.InvariantCulture),
                ["DOTNET_TieredPGO"] = "1",
            },
        };
    }
}
