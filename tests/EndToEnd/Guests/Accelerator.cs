namespace Makatea.EndToEnd;

/// <summary>
/// Chooses KVM where it really runs a Linux guest, else TCG. A /dev/kvm that can be opened is no proof: where the machine has neither VT-x
/// nor SVM it may be emulated, and a stock kernel then does not finish booting. MAKATEA_ACCEL=kvm or tcg decides without a trial.
/// </summary>
internal static class Accelerator
{
    private static readonly Lazy<string> _name = new(Choose);

    /// <summary>"kvm" or "tcg".</summary>
    public static string Name => _name.Value;

    private static string Choose()
    {
        if (Environment.GetEnvironmentVariable("MAKATEA_ACCEL") is { Length: > 0 } wish)
        {
            return wish;
        }

        try
        {
            using var device = new FileStream("/dev/kvm", FileMode.Open, FileAccess.ReadWrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "tcg";
        }

        // The trial holds until the machine boots again.
        string memory = Path.Combine(Path.GetDirectoryName(GuestAssets.Kernel)!, "accelerator");
        string boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        if (File.Exists(memory) && File.ReadAllText(memory).Split(' ') is [string name, string when] && when == boot)
        {
            return name;
        }

        name = BootsWithKvm() ? "kvm" : "tcg";
        File.WriteAllText(memory, $"{name} {boot}");
        return name;
    }

    private static bool BootsWithKvm()
    {
        using var scratch = new Scratch();
        string console = scratch.File("console");
        using TetheredProcess qemu = TetheredProcess.Start(scratch.File("log"),
        [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-accel", "kvm", "-cpu", "host", "-m", "128M", "-machine", "q35",
            "-kernel", GuestAssets.Kernel, "-initrd", GuestAssets.Initramfs, "-append", "console=ttyS0 panic=-1 root=/dev/none", "-no-reboot", "-serial", $"file:{console}",
        ]);
        try
        {
            Deadline.Wait("a kernel under KVM", 8, () => qemu.HasExited || (File.Exists(console) && File.ReadAllText(console).Contains("Run /init", StringComparison.Ordinal)));
            return !qemu.HasExited;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
