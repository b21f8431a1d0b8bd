using Makatea.Cli;
using Makatea.Platform.Linux;
using Makatea.Running;

namespace Makatea.Qemu;

/// <summary>What QEMU runs a guest's instructions with.</summary>
/// <param name="Name">As QEMU calls it: <c>kvm</c> or <c>tcg</c>.</param>
/// <param name="Reason">Why this one, for the user.</param>
internal sealed record Accelerator(string Name, string Reason)
{
    /// <summary>Decides without a trial: <c>kvm</c> or <c>tcg</c>.</summary>
    public const string Variable = "MAKATEA_ACCEL";

    private const string Device = "/dev/kvm";
    private const int DebugExitPort = 0x501;
    private const byte DebugExitValue = 0x10;
    private const int FirmwareLength = 64 * 1024;
    private static readonly TimeSpan _trialTime = TimeSpan.FromSeconds(5);

    /// <summary>The processor that the guest sees.</summary>
    public string Cpu => Name == "kvm" ? "host" : "max";

    /// <summary>KVM where it really works, else TCG.</summary>
    /// <param name="qemu">QEMU.</param>
    /// <param name="asked"><c>kvm</c>, <c>tcg</c>, or null to find out.</param>
    /// <exception cref="CommandException">Something else was asked for.</exception>
    public static Accelerator Choose(string qemu, string? asked) => (asked ?? Environment.GetEnvironmentVariable(Variable)) switch
    {
        "kvm" => new("kvm", "it was asked for"),
        "tcg" => new("tcg", "it was asked for"),
        null or "" or "auto" => Detect(qemu),
        string other => throw new CommandException($"found accelerator '{other}', expected auto, kvm or tcg", ExitCode.Usage),
    };

    /// <summary>
    /// A /dev/kvm that opens is no proof. Where the processor has neither VT-x nor SVM it emulates them: tiny guests run, Linux does not finish booting. And where
    /// it has them, a guest may still not start (KVM nested in something that leaves out what QEMU asks for), which a trial shows.
    /// </summary>
    private static Accelerator Detect(string qemu)
    {
        if (!File.Exists(Device))
        {
            return new("tcg", $"there is no {Device}");
        }

        try
        {
            File.OpenHandle(Device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new("tcg", $"{Device} cannot be opened ({e.Message.TrimEnd('.')}); being in group kvm helps");
        }

        if (!HasVirtualization(File.ReadLines("/proc/cpuinfo")))
        {
            return new("tcg", $"the processor has neither VT-x nor SVM, so {Device} is emulated");
        }

        return Runs(qemu) ? new("kvm", "a trial guest ran") : new("tcg", $"a trial guest did not run with {Device}");
    }

    /// <summary>Whether /proc/cpuinfo tells of VT-x or SVM.</summary>
    internal static bool HasVirtualization(IEnumerable<string> cpuInfo) =>
        cpuInfo.FirstOrDefault(l => l.StartsWith("flags", StringComparison.Ordinal)) is { } flags
        && flags.Split(' ').Any(f => f is "vmx" or "svm");

    /// <summary>Whether a guest of a few instructions runs, on the machine and processor that qubes get.</summary>
    internal static bool Runs(string qemu, string name = "kvm")
    {
        string firmware = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(firmware, TrialFirmware());
            var trial = new Accelerator(name, "");
            using SandboxedProcess process = SandboxedProcess.Start(VmmSandbox.Options(qemu,
            [
                "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-accel", trial.Name, "-cpu", trial.Cpu, "-m", "16M",
                "-bios", firmware, "-device", $"isa-debug-exit,iobase={DebugExitPort},iosize=1",
            ]));
            return process.WaitForExit(_trialTime) && process.WaitForExit().Code == (DebugExitValue << 1 | 1);
        }
        finally
        {
            File.Delete(firmware);
        }
    }

    /// <summary>Firmware whose reset vector, 16 bytes before its end, leaves through QEMU's isa-debug-exit.</summary>
    private static byte[] TrialFirmware()
    {
        byte[] firmware = new byte[FirmwareLength];
        ReadOnlySpan<byte> code =
        [
            0xBA, DebugExitPort & 0xFF, DebugExitPort >> 8, // mov dx, DebugExitPort
            0xB0, DebugExitValue, // mov al, DebugExitValue
            0xEE, // out dx, al
            0xF4, // hlt
            0xEB, 0xFD, // jmp to the hlt
        ];
        code.CopyTo(firmware.AsSpan(FirmwareLength - 16));
        return firmware;
    }
}
