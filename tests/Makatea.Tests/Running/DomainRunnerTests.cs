using System.Diagnostics;
using System.Security.Cryptography;
using Makatea.Cli;
using Makatea.Platform.Linux;
using Makatea.Qemu;
using Makatea.Running;
using Makatea.Systems;
using Makatea.Virtio.Testing;

namespace Makatea.Tests.Running;

/// <summary>Runs real components, in their sandbox, with our own front end as the guest.</summary>
[Trait("Category", "Long")]
public sealed class DomainRunnerTests : IDisposable
{
    private const int Sectors = 2048;
    private readonly TemporaryDirectory _directory = new();
    private readonly LinuxHost _host = new();
    private readonly List<string> _events = [];
    private readonly List<IDisposable> _owned = [];

    public void Dispose()
    {
        _owned.ForEach(o => o.Dispose());
        _directory.Dispose();
    }

    private string Socket(string disk) => Path.Combine(_directory.Path, disk);

    private string Image(string name, byte fill = 0)
    {
        string path = Path.Combine(_directory.Path, name);
        byte[] contents = new byte[Sectors * 512];
        contents.AsSpan().Fill(fill);
        File.WriteAllBytes(path, contents);
        return path;
    }

    private DomainRunner Runner(params DiskDescription[] disks) => Runner([], disks);

    /// <param name="namespaces">Files of an emulated controller's namespaces; none for a domain without one.</param>
    /// <param name="disks">Its disks.</param>
    private DomainRunner Runner(string[] namespaces, DiskDescription[] disks)
    {
        var qube = new QubeDescription { Name = new("work", default), OtherDisks = disks };
        var grants = new GrantTable();
        var events = new RunEvents();
        events.Added += e =>
        {
            lock (_events)
            {
                _events.Add(e.Text);
            }
        };
        var domain = new DomainDescription { Name = new("storage", default), Namespaces = [.. namespaces.Select(n => new Located<string>(n, default))] };
        string? controller = namespaces.Length == 0
            ? null
            : grants.AddFunction("nvme", new EmulatedNvme([.. namespaces.Select(n => grants.OpenFile(n))], QemuProgram.Find(null), t => events.Add("", t)));
        var runner = new DomainRunner(
            domain, grants, [.. disks.Select(d => DiskManifest.Build(qube, d, domain, grants, controller, Socket(d.Name.Value)))], Path.Combine(_directory.Path, "log"), events);
        _owned.Insert(0, runner);
        return runner;
    }

    private VirtioBlkDriver Connect(string disk, int queues = 1) =>
        new(UnixMessageChannel.Connect(Socket(disk)), _host, new VirtioBlkDriverOptions { QueueCount = queues });

    private static async Task<T> Until<T>(Func<T?> look)
        where T : class
    {
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < TimeSpan.FromSeconds(20))
        {
            if (look() is { } found)
            {
                return found;
            }

            await Task.Delay(20);
        }

        throw new TimeoutException();
    }

    [Fact]
    public async Task A_disk_is_served_counted_and_closed()
    {
        string image = Image("image");
        DomainRunner runner = Runner(new DiskDescription { Name = new("data", default), Image = new(image, default), Serial = "serial-1", Queues = 2 });
        await runner.StartAsync();
        Assert.Equal(PartState.Running, runner.Status.State);
        byte[] data = RandomNumberGenerator.GetBytes(8192);
        using (VirtioBlkDriver driver = Connect("data", queues: 2))
        {
            Assert.Equal(BlkStatus.Ok, driver.GetId(out string id));
            Assert.Equal("serial-1", id);
            Assert.Equal(BlkStatus.Ok, driver.Write(16, data, queue: 1));
        }

        runner.RequestMetrics();
        await Until(() => runner.CountersOf("work/data") is { Writes: 1, WrittenBytes: 8192 } c ? c : null);
        await runner.StopAsync();
        Assert.Equal(PartState.Stopped, runner.Status.State);
        Assert.Equal(data, File.ReadAllBytes(image)[8192..16384]);
    }

    [Fact]
    public async Task A_component_that_is_killed_comes_back_and_its_guest_goes_on()
    {
        DomainRunner runner = Runner(
            new DiskDescription { Name = new("data", default), Image = new(Image("image"), default) },
            new DiskDescription { Name = new("root", default), Template = new(Image("template", fill: 7), default), Overlay = new(DiskDescription.Volatile, default) });
        await runner.StartAsync();
        using VirtioBlkDriver root = Connect("root");
        byte[] data = RandomNumberGenerator.GetBytes(4096);
        byte[] read = new byte[4096];
        for (int round = 1; round <= 3; round++)
        {
            Assert.Equal(BlkStatus.Ok, root.Write((ulong)round * 8, data));
            int pid = runner.Status.Pid!.Value;
            Process.GetProcessById(pid).Kill();
            root.Reconnect(UnixMessageChannel.Connect(Socket("root"))); // waits in the listener's backlog until somebody serves again
            Assert.Equal(BlkStatus.Ok, root.Read((ulong)round * 8, read));
            Assert.Equal(data, read); // written before, never flushed
            await Until(() => runner.Status is { State: PartState.Running } s && s.Pid != pid && s.Restarts == round ? s : null);
        }

        Assert.Equal(BlkStatus.Ok, root.Read(1024, read));
        Assert.All(read, b => Assert.Equal(7, b));
        Assert.All(File.ReadAllBytes(Path.Combine(_directory.Path, "template")), b => Assert.Equal(7, b));
        Assert.Contains(_events, e => e.Contains("it ended with signal 9; starting it again", StringComparison.Ordinal));
        await runner.StopAsync();

        // Each of the four wrote to the end of the same log.
        Assert.Equal(4, File.ReadLines(Path.Combine(_directory.Path, "log")).Count(l => l.Contains("work/root: 1048576 bytes", StringComparison.Ordinal)));
    }

    [Fact]
    [Trait("Category", "Device")]
    public async Task A_component_drives_an_emulated_controller_and_its_successors_do()
    {
        string template = Image("template", fill: 7);
        DomainRunner runner = Runner(
            [Image("image"), template],
            [
                new DiskDescription { Name = new("data", default), Image = new("nvme:1", default) },
                new DiskDescription { Name = new("root", default), Template = new("nvme:2", default), Overlay = new(DiskDescription.Volatile, default) },
            ]);
        await runner.StartAsync();
        Assert.Contains(_events, e => e.Contains("behind VT-d; tried: 0000:00:01.0 was kept from writing page 0x", StringComparison.Ordinal));
        using VirtioBlkDriver disk = Connect("data");
        using VirtioBlkDriver root = Connect("root");
        byte[] data = RandomNumberGenerator.GetBytes(65536);
        byte[] read = new byte[65536];
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(BlkStatus.Ok, disk.Write((ulong)round * 128, data));
            Assert.Equal(BlkStatus.Ok, root.Write(8, data.AsSpan(0, 4096)));
            int pid = runner.Status.Pid!.Value;
            Process.GetProcessById(pid).Kill();
            disk.Reconnect(UnixMessageChannel.Connect(Socket("data")));
            root.Reconnect(UnixMessageChannel.Connect(Socket("root")));
            Assert.Equal(BlkStatus.Ok, disk.Read((ulong)round * 128, read));
            Assert.Equal(data, read);
            Assert.Equal(BlkStatus.Ok, root.Read(8, read.AsSpan(0, 8192)));
            Assert.Equal(data.AsSpan(0, 4096), read.AsSpan(0, 4096));
            Assert.Equal(Enumerable.Repeat((byte)7, 4096), read.AsSpan(4096, 4096).ToArray());
            await Until(() => runner.Status is { State: PartState.Running } s && s.Pid != pid ? s : null);
        }

        Assert.Equal(BlkStatus.Ok, disk.Flush());
        runner.RequestMetrics();
        ControllerStatus controller = await Until(() => runner.Status.Controllers is [{ Model: not null } told] ? told : null);
        Assert.Equal(new ControllerStatus("nvme", "a device model behind VT-d", "QEMU NVMe Ctrl", 0), controller);
        await runner.StopAsync();
        Assert.DoesNotContain(_events, e => e.Contains("served no more", StringComparison.Ordinal));
        byte[] image = File.ReadAllBytes(Path.Combine(_directory.Path, "image"));
        Assert.All(Enumerable.Range(0, 3), i => Assert.Equal(data, image[(i * 65536)..((i + 1) * 65536)]));
        Assert.All(File.ReadAllBytes(template), b => Assert.Equal(7, b));
    }

    [Fact]
    [Trait("Category", "Device")]
    public async Task A_namespace_that_an_emulated_controller_has_not_fails_the_start()
    {
        DomainRunner runner = Runner([Image("image")], [new DiskDescription { Name = new("data", default), Image = new("nvme:2", default) }]);
        var e = await Assert.ThrowsAsync<CommandException>(runner.StartAsync);
        Assert.Contains("namespace 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_write_cache_that_was_switched_off_stays_off_for_the_components_that_follow()
    {
        DomainRunner runner = Runner(
            new DiskDescription { Name = new("off", default), Image = new(Image("image-off"), default) },
            new DiskDescription { Name = new("on", default), Image = new(Image("image-on"), default) });
        await runner.StartAsync();
        using VirtioBlkDriver off = Connect("off");
        using VirtioBlkDriver on = Connect("on");
        Assert.Equal(1, off.Config.Writeback);
        off.Frontend.SetConfig(BlkConfig.WritebackOffset, [0]);
        for (int round = 1; round <= 2; round++)
        {
            Process.GetProcessById(runner.Status.Pid!.Value).Kill();

            // As QEMU does, they say nothing of it when they connect anew.
            off.Reconnect(UnixMessageChannel.Connect(Socket("off")));
            on.Reconnect(UnixMessageChannel.Connect(Socket("on")));
            Assert.Equal((0, 1), (off.ReadConfig().Writeback, on.ReadConfig().Writeback));
            Assert.Equal(BlkStatus.Ok, off.Write(0, new byte[512]));
            Assert.Equal(BlkStatus.Ok, on.Write(0, new byte[512]));
            await Until(() => runner.Status is { State: PartState.Running } s && s.Restarts == round ? s : null);
            await Until(() =>
            {
                runner.RequestMetrics();
                return Stable("work/off") == 1 ? this : null;
            });
            Assert.Equal(0, Stable("work/on"));
        }

        await runner.StopAsync();

        double Stable(string device) => runner.Status.Metrics.Where(m => m.Name == "stable_writes" && m.Tags["device"] == device).Sum(m => m.Value);
    }

    [Fact]
    public async Task Counters_go_on_over_a_restart()
    {
        DomainRunner runner = Runner(new DiskDescription { Name = new("data", default), Image = new("null:1G", default) });
        await runner.StartAsync();
        using VirtioBlkDriver driver = Connect("data");
        driver.Flush();
        driver.Flush();
        runner.RequestMetrics();
        await Until(() => runner.CountersOf("work/data") is { Flushes: 2 } c ? c : null);
        Process.GetProcessById(runner.Status.Pid!.Value).Kill();
        driver.Reconnect(UnixMessageChannel.Connect(Socket("data")));
        driver.Flush();
        await Until(() =>
        {
            runner.RequestMetrics();
            return runner.CountersOf("work/data") is { Flushes: 3 } c ? c : null;
        });
        await runner.StopAsync();
    }

    [Fact]
    public async Task A_kept_overlay_holds_what_was_written_when_the_system_starts_again()
    {
        string overlay = Path.Combine(_directory.Path, "overlay");
        string template = Image("template", fill: 7);
        byte[] data = RandomNumberGenerator.GetBytes(4096);
        for (int run = 0; run < 2; run++)
        {
            DomainRunner runner = Runner(new DiskDescription { Name = new("root", default), Template = new(template, default), Overlay = new(overlay, default) });
            await runner.StartAsync();
            using (VirtioBlkDriver driver = Connect("root"))
            {
                byte[] read = new byte[4096];
                Assert.Equal(BlkStatus.Ok, driver.Read(8, read));
                Assert.Equal(run == 0 ? Enumerable.Repeat((byte)7, 4096) : data, read);
                Assert.Equal(BlkStatus.Ok, driver.Write(8, data));
            }

            await runner.StopAsync();
            runner.Dispose();
            _owned.Remove(runner);
        }
    }

    [Fact]
    public async Task Nothing_overtakes_the_start()
    {
        using var stop = new CancellationTokenSource();
        DomainRunner runner = Runner(new DiskDescription { Name = new("data", default), Image = new("null:1G", default) });
        Task requests = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                runner.RequestMetrics();
                Thread.Yield();
            }
        });
        await runner.StartAsync();
        await stop.CancelAsync();
        await requests;
        await runner.StopAsync();
        Assert.Equal((PartState.Stopped, 0), (runner.Status.State, runner.Status.Restarts));
    }

    [Fact]
    public async Task What_cannot_be_served_fails_the_start_with_the_reason()
    {
        DomainRunner runner = Runner(new DiskDescription { Name = new("data", default), Image = new(Image("image"), default), Partition = new("3", default) });
        var e = await Assert.ThrowsAsync<CommandException>(runner.StartAsync);
        Assert.Contains("domain 'storage' did not start", e.Message, StringComparison.Ordinal);
        Assert.Contains("GPT", e.Message, StringComparison.Ordinal);
        Assert.Equal(PartState.Failed, runner.Status.State);
    }

    [Fact]
    public async Task The_component_is_in_a_sandbox_and_in_no_terminal_of_ours()
    {
        DomainRunner runner = Runner(new DiskDescription { Name = new("data", default), Image = new("null:1G", default) });
        await runner.StartAsync();
        Assert.Contains("Seccomp", runner.Status.Sandbox);
        Assert.Contains("NoNewPrivileges", runner.Status.Sandbox);
        string[] stat = File.ReadAllText($"/proc/{runner.Status.Pid}/stat").Split(' ');
        Assert.Equal(runner.Status.Pid.ToString(), stat[5]); // a session of its own: Ctrl-C is the manager's alone
        await runner.StopAsync();
    }
}
