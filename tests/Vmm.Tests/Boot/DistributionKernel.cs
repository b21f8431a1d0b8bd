using System.Diagnostics;

namespace Makatea.Vmm.Tests.Boot;

/// <summary>The kernel from which guests of tests boot, as scripts/guest-assets.sh fetches it.</summary>
internal static class DistributionKernel
{
    private static readonly Lazy<string> _folder = new(() => Run("guest-assets.sh").TrimEnd().Split('\n')[^1]);

    /// <summary>The bzImage.</summary>
    public static string BzImage => Path.Combine(_folder.Value, "vmlinuz");

    /// <summary>The initramfs.</summary>
    public static string Initramfs => Path.Combine(_folder.Value, "initramfs.gz");

    /// <summary>Unpacks the ELF file in the bzImage.</summary>
    public static void UnpackElf(string path) => Run("unpack-kernel.sh", BzImage, path);

    private static string Run(string script, params string[] arguments)
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Makatea.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException($"no Makatea.sln above {AppContext.BaseDirectory}");
        }

        using Process process = Process.Start(new ProcessStartInfo(Path.Combine(folder.FullName, "scripts", script), arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"scripts/{script} ended with status {process.ExitCode}:\n{output}");
    }
}
