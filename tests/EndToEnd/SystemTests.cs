using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Makatea.EndToEnd;

/// <summary>Systems as their users run them: <c>makatea up</c>, <c>ls</c>, <c>console</c>, <c>down</c>, Ctrl-C.</summary>
[Trait("Category", "Guest")]
public sealed class SystemTests
{
    private const long Size = 16 << 20;
    private const string Shell = "sh";
    private const string Prompt = "/ # ";
    private static readonly byte[] _line = Encoding.ASCII.GetBytes("makatea\n");

    [SkippableFact]
    public void A_system_is_listed_used_survives_its_domain_and_goes_down_without_a_trace()
    {
        using var scratch = new Scratch();
        string template = scratch.File("template.img");
        File.WriteAllBytes(template, RandomNumberGenerator.GetBytes((int)Size));
        string templateHash = Hash(template);
        string data = scratch.Image("data.img", Size);
        string other = scratch.Image("other.img", Size);
        using var system = RunningSystem.Start(scratch,
            new QubeScript("work", Shell, $"name: root, template: {template}", $"name: data, image: {data}") { Label = "blue" },
            new QubeScript("play", Shell, $"name: data, image: {other}"));
        system.WaitForConsole("work", Prompt);
        system.WaitForConsole("play", Prompt);

        // What is piped into a console gets its answer from the guest's shell: the terminal's echo has no 42.
        Assert.Contains("answer 42", system.Type("work", "echo answer $((6*7))"), StringComparison.Ordinal);

        // Writes to both disks, and the domain dies under them.
        const int Rounds = 8;
        system.Type("work", $"yes makatea | head -c {Size} >/tmp/p; for i in $(seq {Rounds}); do for d in root data; do dd if=/tmp/p of=/dev/disk/$d bs=16k oflag=direct; done; done; echo wrote $((6*7))");
        system.Wait("the first writes", 60, () => system.Counter("work", "root", "writes") > 0);
        system.KillDomain(seconds: 30);
        system.WaitForConsole("work", "wrote 42");
        system.Type("work", $"dd if=/dev/disk/root bs=64k iflag=direct | sha256sum");
        system.WaitForConsole("work", Convert.ToHexStringLower(SHA256.HashData(Pattern())));

        JsonNode status = system.Status;
        Assert.Equal(("running", 1), (status["domains"]![0]!["state"]!.GetValue<string>(), status["domains"]![0]!["restarts"]!.GetValue<int>()));
        Assert.Equal(["work blue running", "play red running"], status["qubes"]!.AsArray().Select(q => $"{q!["name"]} {q["label"]} {q["state"]}"));
        const int DataWrites = Rounds * (int)Size / (16 << 10);
        Assert.InRange(system.Counter("work", "data", "writes"), 1, DataWrites + 1); // at most one was done again
        Assert.Equal(0, system.Counter("work", "data", "errors"));
        string table = system.Makatea("ls");
        Assert.Contains("storage domain, 1 restart", table, StringComparison.Ordinal);
        Assert.Contains("storage: template.img + volatile overlay", table, StringComparison.Ordinal);

        IReadOnlyList<int> processes = ProcessTree.Of(system.ManagerPid);
        Assert.True(processes.Count >= 4, $"{processes.Count} processes");
        system.Makatea("down");
        system.WaitForEnd(30);
        AssertNoTrace(system, processes);
        Assert.Equal(templateHash, Hash(template));
        Assert.Equal(Pattern(), File.ReadAllBytes(data));
        Assert.Equal(-1, File.ReadAllBytes(other).AsSpan().IndexOfAnyExcept((byte)0));
    }

    [SkippableTheory]
    [InlineData("INT")]
    [InlineData("TERM")]
    [InlineData("HUP")]
    public void A_signal_stops_everything_cleanly(string signal)
    {
        using var scratch = new Scratch();
        string image = scratch.Image("data.img", Size);
        using var system = RunningSystem.Start(scratch, new QubeScript("qube", "yes makatea | dd of=/dev/disk/data bs=16k iflag=fullblock oflag=direct; sleep 1000", $"name: data, image: {image}"));
        system.Wait("the end of the disk", RunningSystem.BootSeconds, () => system.Counter("qube", "data", "writes") == Size / (16 << 10));
        IReadOnlyList<int> processes = ProcessTree.Of(system.ManagerPid);
        system.Signal(signal);
        system.WaitForEnd(30);
        AssertNoTrace(system, processes);
        Assert.Contains("stopp", system.Log, StringComparison.Ordinal);
        Assert.Equal(Pattern(), File.ReadAllBytes(image));
    }

    [SkippableFact]
    public void Ctrl_C_during_the_start_stops_what_was_started()
    {
        using var scratch = new Scratch();
        using var system = RunningSystem.Start(scratch, new QubeScript("qube", Shell, $"name: data, image: {scratch.Image("data.img", Size)}"));
        system.Wait("the control socket", 30, () => File.Exists($"{system.RunFolder}/makatea/{SystemFile.Name}/.control"));
        IReadOnlyList<int> processes = ProcessTree.Of(system.ManagerPid);
        system.Signal("INT");
        system.WaitForEnd(30);
        AssertNoTrace(system, processes);
    }

    [SkippableFact]
    public void In_the_background_a_system_runs_until_down_and_nothing_outlives_a_manager_that_is_killed()
    {
        using var scratch = new Scratch();
        var qube = new QubeScript("qube", Shell, $"name: data, image: {scratch.Image("data.img", Size)}");
        using (var system = RunningSystem.StartDetached(scratch, qube))
        {
            // It returned when everything runs.
            Assert.Equal("running", system.Status["qubes"]![0]!["state"]!.GetValue<string>());
            (int status, string output) = system.TryMakatea("up", "--detach", SystemFile.PathIn(scratch));
            Assert.Equal(1, status);
            Assert.Contains("runs already", output, StringComparison.Ordinal);

            IReadOnlyList<int> processes = ProcessTree.Of(system.ManagerPid);
            Assert.True(processes.Count >= 3, $"{processes.Count} processes");
            system.KillManager();
            system.Wait("the end of all processes", 10, () => ProcessTree.Alive(processes).Count == 0);
        }

        // Nothing that the dead one left is in the way.
        using (var system = RunningSystem.StartDetached(scratch, qube))
        {
            system.WaitForConsole("qube", Prompt);
            IReadOnlyList<int> processes = ProcessTree.Of(system.ManagerPid);
            system.Makatea("down", SystemFile.Name, "--now");
            system.Wait("the end of all processes", 5, () => ProcessTree.Alive(processes).Count == 0);
            AssertNoTrace(system, processes);
        }
    }

    [SkippableFact]
    public void On_a_terminal_every_key_goes_to_the_guest_until_the_one_that_leaves()
    {
        using var scratch = new Scratch();
        using var system = RunningSystem.StartDetached(scratch, new QubeScript("qube", Shell, $"name: data, image: {scratch.Image("data.img", Size)}"));
        system.WaitForConsole("qube", Prompt);

        // ^C must reach the guest's shell and not end the command; ^] leaves, and the terminal is as it was.
        string console = string.Join(' ', system.Command("console", "qube"));
        string output = Tool.Run("/bin/sh", "-c",
            $"(sleep 3; printf 'nonsense\\003echo got $((6*7))\\r'; sleep 3; printf '\\035'; sleep 1) | script -qec '{console}; echo left with $?; stty -a' /dev/null");
        Assert.Contains("console of qube; Ctrl-] leaves it", output, StringComparison.Ordinal);
        Assert.Contains("got 42", output, StringComparison.Ordinal);
        Assert.Contains("left with 0", output, StringComparison.Ordinal);
        Assert.Contains(" icanon", output, StringComparison.Ordinal);
        Assert.Equal("running", system.Status["qubes"]![0]!["state"]!.GetValue<string>());
    }

    [SkippableFact]
    public void What_fails_to_start_in_the_background_says_why()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("data.img", Size);
        var e = Assert.Throws<InvalidOperationException>(() => RunningSystem.StartDetached(scratch, new QubeScript("qube", Shell, $"name: data, image: {image}, partition: 3")));
        Assert.Contains("domain 'storage' did not start", e.Message, StringComparison.Ordinal);
        Assert.Contains("GPT", e.Message, StringComparison.Ordinal);
    }

    /// <summary>Nothing that it started runs, and no socket is left: no file of one, and no one in the kernel.</summary>
    private static void AssertNoTrace(RunningSystem system, IEnumerable<int> processes)
    {
        Assert.Empty(ProcessTree.Alive(processes));
        Assert.Empty(Directory.GetFileSystemEntries($"{system.RunFolder}/makatea"));
        Assert.DoesNotContain(File.ReadLines("/proc/net/unix"), line => line.Contains(system.RunFolder, StringComparison.Ordinal));
    }

    /// <summary>What <c>yes makatea</c> fills a disk with.</summary>
    private static byte[] Pattern() => [.. Enumerable.Range(0, (int)Size).Select(i => _line[i % _line.Length])];

    private static string Hash(string path) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)));
}
