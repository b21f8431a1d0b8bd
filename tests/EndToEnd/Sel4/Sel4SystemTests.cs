using System.Globalization;
using System.Text.RegularExpressions;
using Makatea.Sel4.Programs;

namespace Makatea.EndToEnd.Sel4;

/// <summary>
/// Driver domains on the seL4 kernel, in QEMU: a storage domain drives the NVMe controller behind VT-d for a client that plays a guest, and a component beside it drives the 82574L. The host looks into the image, and
/// is the adapter's peer.
/// </summary>
[Trait("Category", "Device")]
public sealed partial class Sel4SystemTests
{
    private const long DiskLength = 64 << 20;
    private const int Blocks = 512;
    private const ulong Seed = 20261121;

    /// <summary>Seconds for which both domains work; the full run asks for ten minutes.</summary>
    private static readonly int _seconds = int.Parse(Environment.GetEnvironmentVariable("MAKATEA_SEL4_STRESS_SECONDS") ?? "15", CultureInfo.InvariantCulture);

    private static readonly string? _board = Environment.GetEnvironmentVariable("MAKATEA_SEL4_BOARD");

    [SkippableFact]
    public void Both_domains_work_for_as_long_as_they_are_asked_to_and_the_host_finds_what_was_written()
    {
        using Scratch scratch = new();
        string console = Run(scratch, Storage(""), Client($"[write, {Seed}, {Blocks}, {_seconds}]") + Net(_seconds), waitForNet: true, out WirePeer peer);
        using (peer)
        {
            Match done = ClientDone().Match(console);
            Assert.True(done.Success, console);
            Assert.Equal("0", done.Groups["deaths"].Value);
            CheckImage(scratch, ulong.Parse(done.Groups["generation"].Value, CultureInfo.InvariantCulture));
            Match exchanged = NetDone().Match(console);
            Assert.True(exchanged.Success, console);
            long frames = long.Parse(exchanged.Groups["frames"].Value, CultureInfo.InvariantCulture);
            Assert.True(frames > 100 * _seconds, $"{frames} frames in {_seconds} s");
            Assert.InRange(peer.Answered, frames, long.MaxValue);
            peer.ThrowIfFailed();
            Assert.DoesNotContain("started again", console, StringComparison.Ordinal);
        }
    }

    /// <summary>It dies three times while requests are under way. The root task starts it again, and what it had not finished the next one does.</summary>
    [SkippableFact]
    public void Requests_outlive_a_storage_domain_that_crashes()
    {
        using Scratch scratch = new();
        string console = Run(scratch, Storage($"sel4: {{program: {Repository.File("tests/Images/CrashingStorage")}}}"), Client($"[write, {Seed}, {Blocks}, 30]"), waitForNet: false, out WirePeer peer);
        peer.Dispose();
        Match done = ClientDone().Match(console);
        Assert.True(done.Success, console);
        // One that dies again before the client came back is none that it knows of.
        Assert.InRange(int.Parse(done.Groups["deaths"].Value, CultureInfo.InvariantCulture), 1, 3);
        CheckImage(scratch, ulong.Parse(done.Groups["generation"].Value, CultureInfo.InvariantCulture));
        Assert.Contains("makatea: storage: started again, start 4", console, StringComparison.Ordinal);
        Assert.Equal(3, SignalledEnd().Count(console));
    }

    private static string Storage(string more) => $$"""
        name: trial
        domains:
          storage:
            memory: 64M
            nvme: emulated
            namespaces: [DISK]
            {{more}}
        components:
        """ + "\n";

    private static string Client(string arguments) => $$"""
          client:
            program: {{Repository.File("src/Sel4/Programs/Client")}}
            args: {{arguments}}
            disks:
              - {name: data, image: "nvme:1"}
        """ + "\n";

    private static string Net(int seconds) => $$"""
          net:
            program: {{Repository.File("src/Sel4/Programs/Net")}}
            args: [{{seconds}}]
            functions:
              adapter: {address: "0000:00:04.0", identity: "8086:10d3", vectors: 5}
        """ + "\n";

    private static string Run(Scratch scratch, string domains, string components, bool waitForNet, out WirePeer peer)
    {
        Skip.If(string.IsNullOrEmpty(_board), "needs a board folder of the Microkit SDK: set MAKATEA_SEL4_BOARD (docs/SEL4.md)");
        Skip.IfNot(File.Exists("/usr/bin/qemu-system-x86_64"), "needs QEMU (Debian: apt-get install qemu-system-x86)");
        string disk = scratch.Image("disk.img", DiskLength);
        string system = scratch.File("system.yaml");
        File.WriteAllText(system, (domains + components).Replace("DISK", disk, StringComparison.Ordinal));
        string module = scratch.File("module.elf");
        using (var image = TetheredProcess.Start(scratch.File("image.log"), MakateaCommand.Line("image", system, "-o", module)))
        {
            image.WaitForExit(600);
            Assert.True(image.ExitCode == 0, image.Output);
        }

        string wire = scratch.File("wire");
        peer = new WirePeer(wire);
        int patience = (10 * _seconds) + 120;
        using var boot = TetheredProcess.Start(scratch.File("console.log"), MakateaCommand.Line(
            "boot", module, "--disk", disk, "--net", $"connect:{wire}", "--timeout", patience.ToString(CultureInfo.InvariantCulture)));
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(patience + 30));
        while (!boot.HasExited && !deadline.IsCancellationRequested)
        {
            string console = boot.Output;
            if (Ended().IsMatch(console) || (ClientDone().IsMatch(console) && (!waitForNet || NetDone().IsMatch(console))))
            {
                break;
            }

            Thread.Sleep(200);
        }

        if (!boot.HasExited)
        {
            boot.Signal("TERM");
            boot.WaitForExit(30);
        }

        return boot.Output;
    }

    /// <summary>Each block of the image is of the last generation.</summary>
    private static void CheckImage(Scratch scratch, ulong generation)
    {
        using FileStream image = File.OpenRead(scratch.File("disk.img"));
        byte[] block = new byte[4096];
        for (int i = 0; i < Blocks; i++)
        {
            image.ReadExactly(block);
            Assert.Null(BlockPattern.Check(block, Seed, i, generation));
        }
    }

    [GeneratedRegex(@"^client: done: generation (?<generation>\d+), \d+ requests, (?<deaths>\d+) domains died", RegexOptions.Multiline)]
    private static partial Regex ClientDone();

    [GeneratedRegex(@"^net: done: (?<frames>\d+) frames there and back as they were, \d+ sent again, 0 copied, 0 resets", RegexOptions.Multiline)]
    private static partial Regex NetDone();

    [GeneratedRegex(@"^(client|net): failed|^makatea: (client|net): (ended (by|with)|left)", RegexOptions.Multiline)]
    private static partial Regex Ended();

    [GeneratedRegex(@"^makatea: storage: ended by signal \d+", RegexOptions.Multiline)]
    private static partial Regex SignalledEnd();
}
