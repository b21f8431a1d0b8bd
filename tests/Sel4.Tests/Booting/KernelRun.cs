using System.Diagnostics;
using System.Text;
using Makatea.Sel4.Image.Boards;

namespace Makatea.Sel4.Tests.Booting;

/// <summary>A boot of the kernel in QEMU, its console as text.</summary>
internal static class KernelRun
{
    private const string Qemu = "/usr/bin/qemu-system-x86_64";

    private static readonly TimeSpan _usual = TimeSpan.FromSeconds(90);

    /// <summary>Starts a boot module and reads the console until a line says that it is done.</summary>
    /// <param name="board">The kernel.</param>
    /// <param name="module">The boot module.</param>
    /// <param name="isLast">Tells the line.</param>
    /// <param name="patience">How long it may take; <see langword="null"/> for a minute and a half.</param>
    /// <returns>The console up to and with that line.</returns>
    public static string Until(BoardFolder board, byte[] module, Func<string, bool> isLast, TimeSpan? patience = null)
    {
        TimeSpan limit = patience ?? _usual;
        Skip.IfNot(File.Exists(Qemu), "needs QEMU (Debian: apt-get install qemu-system-x86)");
        string file = Path.GetTempFileName();
        File.WriteAllBytes(file, module);
        var console = new StringBuilder();
        using var qemu = Process.Start(new ProcessStartInfo(Qemu,
        [
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "512", "-device", "intel-iommu",
            "-drive", "if=none,id=disk,driver=null-co,size=64M,read-zeroes=on", "-device", "nvme,drive=disk,serial=trial,addr=4", "-serial", "stdio", "-kernel", board.Kernel32!, "-initrd", file,
        ])
        { RedirectStandardOutput = true, RedirectStandardInput = true })!;
        using var deadline = new CancellationTokenSource(limit);
        using CancellationTokenRegistration end = deadline.Token.Register(qemu.Kill);
        try
        {
            while (qemu.StandardOutput.ReadLine() is { } line)
            {
                console.Append(line.TrimEnd('\r')).Append('\n');
                if (isLast(line.TrimEnd('\r')))
                {
                    return console.ToString();
                }
            }
        }
        finally
        {
            qemu.Kill();
            qemu.WaitForExit();
            File.Delete(file);
        }

        Assert.Fail($"the console ended, or {limit} went by, before what was expected:\n{console}");
        return "";
    }
}
