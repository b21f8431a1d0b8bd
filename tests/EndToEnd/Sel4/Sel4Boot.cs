using System.Globalization;

namespace Makatea.EndToEnd.Sel4;

/// <summary>Systems on the seL4 kernel: an image made and booted by the command.</summary>
internal static class Sel4Boot
{
    private const long DiskLength = 64 << 20;
    private static readonly string? _board = Environment.GetEnvironmentVariable("MAKATEA_SEL4_BOARD");

    /// <summary>A storage domain on the machine's controller; components follow.</summary>
    public static string Storage(string more) => $$"""
        name: trial
        domains:
          storage:
            memory: 64M
            nvme: emulated
            namespaces: [DISK]
            {{more}}
        components:
        """ + "\n";

    /// <summary>The client, with a disk of it.</summary>
    public static string Client(string arguments) => $$"""
          client:
            program: {{Repository.File("src/Sel4/Programs/Client")}}
            args: {{arguments}}
            disks:
              - {name: data, image: "nvme:1"}
        """ + "\n";

    /// <summary>Makes the image, boots it with a peer on the wire and returns the console when it is as it is to be, or time is over.</summary>
    public static string Run(Scratch scratch, string system, Func<string, bool> isDone, int patience, out WirePeer peer)
    {
        string wire = scratch.File("wire");
        peer = new WirePeer(wire);
        return Run(scratch, system, $"connect:{wire}", isDone, patience);
    }

    /// <summary>Makes the image, boots it and returns the console when it is as it is to be, or time is over.</summary>
    /// <param name="scratch">Where files are.</param>
    /// <param name="system">The system file; DISK is the disk's file in it.</param>
    /// <param name="wire">Where the adapter's wire goes, as <c>boot --net</c> has it.</param>
    /// <param name="isDone">Whether a console is as it is to be.</param>
    /// <param name="patience">Seconds.</param>
    public static string Run(Scratch scratch, string system, string wire, Func<string, bool> isDone, int patience)
    {
        Skip.If(string.IsNullOrEmpty(_board), "needs a board folder of the Microkit SDK: set MAKATEA_SEL4_BOARD (docs/SEL4.md)");
        Skip.IfNot(File.Exists("/usr/bin/qemu-system-x86_64"), "needs QEMU (Debian: apt-get install qemu-system-x86)");
        string disk = scratch.Image("disk.img", DiskLength);
        string file = scratch.File("system.yaml");
        File.WriteAllText(file, system.Replace("DISK", disk, StringComparison.Ordinal));
        string module = scratch.File("module.elf");
        using (var image = TetheredProcess.Start(scratch.File("image.log"), MakateaCommand.Line("image", file, "-o", module)))
        {
            image.WaitForExit(600);
            Assert.True(image.ExitCode == 0, image.Output);
        }

        using var boot = TetheredProcess.Start(scratch.File("console.log"), MakateaCommand.Line(
            "boot", module, "--disk", disk, "--net", wire, "--timeout", patience.ToString(CultureInfo.InvariantCulture)));
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(patience + 30));
        while (!boot.HasExited && !deadline.IsCancellationRequested && !isDone(boot.Output))
        {
            Thread.Sleep(200);
        }

        if (!boot.HasExited)
        {
            boot.Signal("TERM");
            boot.WaitForExit(30);
        }

        return boot.Output;
    }
}
