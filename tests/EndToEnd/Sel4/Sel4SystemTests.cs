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
    private const int Blocks = 512;
    private const ulong Seed = 20261121;

    /// <summary>KiB by which a heap may grow when it is used otherwise than before; a byte lost for each request is more in ten minutes.</summary>
    private const long Slack = 512;

    /// <summary>Seconds for which both domains work; the full run asks for ten minutes.</summary>
    private static readonly int _seconds = int.Parse(Environment.GetEnvironmentVariable("MAKATEA_SEL4_STRESS_SECONDS") ?? "15", CultureInfo.InvariantCulture);

    [SkippableFact]
    public void Both_domains_work_for_as_long_as_they_are_asked_to_and_the_host_finds_what_was_written()
    {
        using Scratch scratch = new();
        string console = Boot(scratch, Sel4Boot.Storage($"sel4: {{program: {Repository.File("tests/Images/MeasuredStorage")}}}"), Sel4Boot.Client($"[write, {Seed}, {Blocks}, {_seconds}]") + Net(_seconds), waitForNet: true, out WirePeer peer);
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
            Assert.All(["storage", "client", "net"], name => CheckMemory(name, console));
        }
    }

    /// <summary>What a component uses grows while it starts, and not any more in the second half of its time.</summary>
    private static void CheckMemory(string name, string console)
    {
        long[] used = [.. Memory().Matches(console).Where(m => m.Groups["name"].Value == name).Select(m => long.Parse(m.Groups["used"].Value, CultureInfo.InvariantCulture))];
        Assert.True(used.Length >= 4, $"{name} said {used.Length} times what it uses\n{console}");
        long before = used[..(used.Length / 2)].Max();
        long after = used[(used.Length / 2)..].Max();
        Assert.True(after <= before + Slack, $"{name} used up to {before} KiB in the first half and up to {after} KiB in the second: {string.Join(' ', used)}");
    }

    /// <summary>It dies three times while requests are under way. The root task starts it again, and what it had not finished the next one does.</summary>
    [SkippableFact]
    public void Requests_outlive_a_storage_domain_that_crashes()
    {
        using Scratch scratch = new();
        string console = Boot(scratch, Sel4Boot.Storage($"sel4: {{program: {Repository.File("tests/Images/CrashingStorage")}}}"), Sel4Boot.Client($"[write, {Seed}, {Blocks}, 30]"), waitForNet: false, out WirePeer peer);
        peer.Dispose();
        Match done = ClientDone().Match(console);
        Assert.True(done.Success, console);
        // One that dies again before the client came back is none that it knows of.
        Assert.InRange(int.Parse(done.Groups["deaths"].Value, CultureInfo.InvariantCulture), 1, 3);
        CheckImage(scratch, ulong.Parse(done.Groups["generation"].Value, CultureInfo.InvariantCulture));
        Assert.Contains("makatea: storage: started again, start 4", console, StringComparison.Ordinal);
        Assert.Equal(3, SignalledEnd().Count(console));
    }

    /// <summary>A component has its device write all over the machine's memory, while another's goes on with its frames.</summary>
    [SkippableFact]
    public void A_device_reaches_what_its_component_mapped_and_nothing_else()
    {
        const string Told = "hostile: done: the device was told to write to 512 addresses";
        using Scratch scratch = new();
        string system = $$"""
            name: trial
            components:
              hostile:
                program: {{Repository.File("tests/Images/HostileDevice")}}
                functions:
                  nvme: {address: "0000:00:03.0", identity: "1b36:0010"}

            """ + Net(8);
        string console = Sel4Boot.Run(scratch, system, c => (NetDone().IsMatch(WithoutRefusals(c)) && WithoutRefusals(c).Contains(Told, StringComparison.Ordinal)) || Ended().IsMatch(c), 120, out WirePeer peer);
        using (peer)
        {
            Assert.True(WithoutRefusals(console).Contains(Told, StringComparison.Ordinal), console);

            // Each was refused, and the kernel says so.
            Assert.Equal(512, RefusedWrite().Matches(console).Select(m => m.Groups["address"].Value).Distinct().Count());
            Assert.True(NetDone().IsMatch(WithoutRefusals(console)), console);
            peer.ThrowIfFailed();
        }
    }

    /// <summary>The kernel prints refusals itself, in the middle of others' lines.</summary>
    private static string WithoutRefusals(string console) => RefusalLine().Replace(console, "");

    private static string Net(int seconds) => $$"""
          net:
            program: {{Repository.File("tests/Images/AdapterExchange")}}
            args: [{{seconds}}]
            functions:
              adapter: {address: "0000:00:04.0", identity: "8086:10d3", vectors: 5}
        """ + "\n";

    private static string Boot(Scratch scratch, string domains, string components, bool waitForNet, out WirePeer peer) => Sel4Boot.Run(
        scratch,
        domains + components,
        console => Ended().IsMatch(console) || (ClientDone().IsMatch(console) && (!waitForNet || NetDone().IsMatch(console))),
        (10 * _seconds) + 120,
        out peer);

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

    [GeneratedRegex(@"IOMMU: DMA write page fault from 0x18 \(bus: 0x0/dev: 0x3/fun: 0x0\) on address 0x0:(?<address>[0-9a-f]+) ")]
    private static partial Regex RefusedWrite();

    [GeneratedRegex(@"IOMMU: DMA write page fault[^\n]*\n")]
    private static partial Regex RefusalLine();

    [GeneratedRegex(@"^(?<name>\w+): .*?memory (?<used>\d+) KiB\r?$", RegexOptions.Multiline)]
    private static partial Regex Memory();

    [GeneratedRegex(@"^makatea: storage: ended by signal \d+", RegexOptions.Multiline)]
    private static partial Regex SignalledEnd();
}
