using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Makatea.Tests.Running;
using Makatea.Tests.Shared;

namespace Makatea.Tests.Cli;

/// <summary>
/// Qubes of both VMMs from <c>makatea up</c> to <c>makatea down</c>, with a guest of a few instructions that runs where KVM is only emulated.
/// </summary>
[Collection(EnvironmentCollection.Name)]
public sealed class QubeCommandTests : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory _directory = new();
    private bool _isUp;

    public QubeCommandTests()
    {
        Environment.SetEnvironmentVariable("XDG_RUNTIME_DIR", _directory.Path);
        Environment.SetEnvironmentVariable("XDG_STATE_HOME", Path.Combine(_directory.Path, "state"));
        TinyKernel.Write(Path.Combine(_directory.Path, "kernel"));
        File.WriteAllBytes(Path.Combine(_directory.Path, "disk.img"), new byte[1 << 20]);
    }

    public void Dispose()
    {
        if (_isUp)
        {
            ApplicationTests.Run(["down", "tiny", "--now"]);
        }

        Environment.SetEnvironmentVariable("XDG_RUNTIME_DIR", null);
        Environment.SetEnvironmentVariable("XDG_STATE_HOME", null);
        _directory.Dispose();
    }

    [SkippableTheory]
    [InlineData("makatea")]
    [InlineData("qemu")]
    public void A_qube_is_paused_stopped_started_and_killed(string vmm)
    {
        Up($"one: {{label: green, vmm: {vmm}, kernel: kernel, cmdline: hello, memory: 64M, disks: [{{name: data, image: disk.img}}]}}");
        Assert.Equal(("running", vmm), (State("one"), Info("one")["qube"]!["vmm"]!.GetValue<string>()));
        Assert.StartsWith(vmm == "qemu" ? "QEMU " : "makatea-vmm ", Info("one")["machine"]!["vmm"]!.GetValue<string>(), StringComparison.Ordinal);
        uint before = Counter("one");

        Ok("qube", "pause", "one");
        Ok("qube", "pause", "one");
        Assert.Equal("paused", State("one"));
        Assert.Equal("paused", Info("one")["machine"]!["status"]!.GetValue<string>());
        Assert.Contains("'makatea qube resume one' lets it go on", Refused("qube", "start", "one"), StringComparison.Ordinal);
        if (vmm == "makatea")
        {
            long exits = Exits("one");
            Thread.Sleep(200);
            Assert.Equal(exits, Exits("one"));
        }

        Ok("qube", "resume", "one");
        Assert.Equal("running", State("one"));
        Assert.True(Counter("one") > before);

        // A paused one hears of its power button.
        Ok("qube", "pause", "one");
        int pid = Info("one")["qube"]!["pid"]!.GetValue<int>();
        Ok("qube", "stop", "one", "--timeout", "30");
        Assert.Equal(("stopped", "stopped"), (State("one"), Info("one")["qube"]!["reason"]!.GetValue<string>()));
        Assert.Null(Info("one")["machine"]);
        Assert.False(Directory.Exists($"/proc/{pid}"));
        Assert.Contains("stopped", Ok("ls"), StringComparison.Ordinal);
        foreach (string action in (string[])["stop", "kill", "pause", "resume", "snapshot"])
        {
            Assert.Contains("qube 'one' is stopped; 'makatea qube start one' starts it", Refused(["qube", action, "one", .. action == "snapshot" ? ["/tmp/none"] : (string[])[]]), StringComparison.Ordinal);
        }

        Assert.Contains("'makatea qube start one' starts it", Refused("console", "one"), StringComparison.Ordinal);
        Ok("qube", "start", "one");
        Assert.Equal("running", State("one"));
        Assert.Contains("is running already", Refused("qube", "start", "one"), StringComparison.Ordinal);
        Counter("one");
        Ok("qube", "kill", "one");
        Assert.Equal("stopped", State("one"));
    }

    [SkippableFact]
    public void A_guest_that_does_not_hear_of_its_power_button_loses_power_in_time()
    {
        Up("one: {label: green, vmm: makatea, kernel: kernel, memory: 64M}");
        using (Socket console = Console("one"))
        {
            console.Send("ic"u8);
            ReadCounter(console);
        }

        var watch = Stopwatch.StartNew();
        Ok("qube", "stop", "one", "--timeout", "1");
        Assert.InRange(watch.Elapsed.TotalSeconds, 1, 20);
        Assert.Equal("stopped", State("one"));
        Assert.Contains("did not power down within 1 s; pulling the plug", ManagerLog, StringComparison.Ordinal);
        Assert.Contains("qubes run with KVM: all of them run in makatea-vmm", ManagerLog, StringComparison.Ordinal); // and QEMU is not looked for
    }

    [SkippableFact]
    public void A_snapshot_goes_on_from_where_it_was_taken()
    {
        Up("one: {label: green, vmm: makatea, kernel: kernel, cmdline: hello, memory: 64M}", "two: {label: red, vmm: qemu, kernel: kernel, memory: 64M}");
        string file = Path.Combine(_directory.Path, "one.state");
        Assert.Contains("found no snapshot at " + file, Refused("qube", "restore", "one", file), StringComparison.Ordinal);
        uint before = Counter("one");
        Ok("qube", "snapshot", "one", file);
        uint behind = Counter("one");
        Assert.Contains("'one' is running already", Refused("qube", "restore", "one", file), StringComparison.Ordinal);
        Ok("qube", "stop", "one");
        Ok("qube", "restore", "one", file);
        Assert.Equal("running", State("one"));
        Assert.InRange(Counter("one"), before, uint.MaxValue);
        Assert.True(behind > before);

        // It went on and did not boot: the guest said its first words once.
        string log = File.ReadAllText(Path.Combine(_directory.Path, "state", "makatea", "tiny", "one.console.log"));
        Assert.Equal(1, log.Split("tiny: hello").Length - 1);

        File.WriteAllText(file, "no snapshot");
        Ok("qube", "kill", "one");
        Assert.Contains("qube 'one' did not start: makatea-vmm ended with", Refused("qube", "restore", "one", file), StringComparison.Ordinal);
        Assert.Equal("failed", State("one"));
        Assert.Contains("alone have snapshots", Refused("qube", "snapshot", "two", file), StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_system_ends_with_the_last_that_powers_itself_off_and_not_with_one_that_was_stopped()
    {
        Up("one: {label: green, vmm: makatea, kernel: kernel, memory: 64M}", "two: {label: red, vmm: makatea, kernel: kernel, memory: 64M}");
        Ok("qube", "stop", "one");
        PowerOff("two");
        Assert.True(SpinWait.SpinUntil(() => State("two") == "stopped", _patience));
        Assert.Equal("powered itself off", Info("two")["qube"]!["reason"]!.GetValue<string>());
        Thread.Sleep(300);
        Ok("qube", "start", "one");
        Assert.Equal("running", State("one"));
        PowerOff("one");
        Assert.True(SpinWait.SpinUntil(() => Ok("ls").Contains("no system runs", StringComparison.Ordinal), _patience));
        _isUp = false;
    }

    [SkippableFact]
    public void A_vmm_that_dies_is_told_and_its_qube_starts_again()
    {
        Up("one: {label: green, vmm: makatea, kernel: kernel, memory: 64M}", "two: {label: red, vmm: makatea, kernel: kernel, memory: 64M}");
        using (var process = Process.GetProcessById(Info("one")["qube"]!["pid"]!.GetValue<int>()))
        {
            process.Kill();
        }

        Assert.True(SpinWait.SpinUntil(() => State("one") == "failed", _patience));
        Assert.Contains("makatea-vmm ended with", Info("one")["qube"]!["reason"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal("running", State("two"));
        Ok("qube", "start", "one");
        Assert.True(Counter("one") > 0);
    }

    /// <summary>It is not said to run before it does.</summary>
    [SkippableFact]
    public void A_kernel_that_is_none_is_told_at_the_start()
    {
        File.WriteAllBytes(Path.Combine(_directory.Path, "broken"), new byte[4096]);
        (int exit, _, string error) = TryUp("one: {label: green, vmm: makatea, kernel: broken, memory: 64M}");
        Assert.Equal(1, exit);
        Assert.Contains("ended before it ran", error, StringComparison.Ordinal);
        Assert.Contains("qube 'one' did not start: makatea-vmm ended with exit code 1: makatea-vmm: the kernel image", ManagerLog, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void What_is_wrong_says_what_is_right()
    {
        Assert.Contains("no system runs; start one with", Refused("qube", "info", "one"), StringComparison.Ordinal);
        Up("one: {label: green, vmm: makatea, kernel: kernel, memory: 64M}");
        Assert.Contains("no system that runs has a qube 'onw'; there are one; did you mean 'one'?", Refused("qube", "pause", "onw"), StringComparison.Ordinal);
        Assert.Contains("no system 'tine' runs; running: tiny; did you mean 'tiny'?", Refused("qube", "pause", "one", "--system", "tine"), StringComparison.Ordinal);
        Assert.Contains("found --timeout -1, expected 0 to 86400 seconds", Refused("qube", "stop", "one", "--timeout", "-1"), StringComparison.Ordinal);
        Assert.Contains("'makatea qube stop --help' shows", Refused("qube", "stop", "one", "--timeout", "-1"), StringComparison.Ordinal);
        Assert.Contains("stop", Refused("qube", "stp", "one"), StringComparison.Ordinal);
    }

    private string ManagerLog => File.ReadAllText(Path.Combine(_directory.Path, "state", "makatea", "tiny", ".manager.log"));

    private static long Exits(string qube) => Info(qube)["machine"]!["processors"]![0]!["exits"]!.GetValue<long>();

    private static string State(string qube) => Info(qube)["qube"]!["state"]!.GetValue<string>();

    private static JsonNode Info(string qube) => JsonNode.Parse(Ok("qube", "info", qube, "--json"))!;

    private static string Ok(params string[] args)
    {
        (int exit, string output, string error) = ApplicationTests.Run(args);
        Assert.True(exit == 0, $"{string.Join(' ', args)}: {error}");
        return output;
    }

    private static string Refused(params string[] args)
    {
        (int exit, string output, string error) = ApplicationTests.Run(args);
        Assert.True(exit is 1 or 2, $"{string.Join(' ', args)} ended with {exit}: {output}");
        return error;
    }

    /// <summary>Reads to the end of a line that is the counter.</summary>
    private static uint ReadCounter(Socket console)
    {
        byte[] bytes = new byte[4096];
        string text = "";
        uint counter = 0;
        while (!text.Split('\n').Any(line => line.Length == 8 && uint.TryParse(line, NumberStyles.HexNumber, null, out counter)) || !text.EndsWith('\n'))
        {
            int count = console.Receive(bytes);
            Assert.True(count != 0, $"the console ended behind '{text}'");
            text += Encoding.ASCII.GetString(bytes, 0, count);
        }

        return counter;
    }

    private Socket Console(string qube)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(Path.Combine(_directory.Path, "makatea", "tiny", qube)));
        socket.ReceiveTimeout = (int)_patience.TotalMilliseconds;
        return socket;
    }

    /// <summary>What the guest has counted so far; it runs when this returns.</summary>
    private uint Counter(string qube)
    {
        using Socket console = Console(qube);
        console.Send("c"u8);
        return ReadCounter(console);
    }

    private void PowerOff(string qube)
    {
        using Socket console = Console(qube);
        console.Send("c"u8);
        ReadCounter(console);
        console.Send("o"u8);
    }

    private void Up(params string[] qubes)
    {
        (int exit, _, string error) = TryUp(qubes);
        Assert.True(exit == 0, error);
        _isUp = true;
    }

    private (int ExitCode, string Output, string Error) TryUp(params string[] qubes)
    {
        Skip.IfNot(File.Exists("/dev/kvm"), "there is no /dev/kvm; load kvm_intel or kvm_amd, or pass the device into this container");
        Skip.IfNot(File.Exists("/usr/bin/qemu-system-x86_64"), "there is no QEMU; apt-get install qemu-system-x86");
        string file = Path.Combine(_directory.Path, "tiny.yaml");
        File.WriteAllText(file, $"name: tiny\ndomains:\n  storage: {{}}\nqubes:\n  {string.Join("\n  ", qubes)}\n");
        return ApplicationTests.Run(["up", file, "--detach", "--accel=tcg"]);
    }
}
