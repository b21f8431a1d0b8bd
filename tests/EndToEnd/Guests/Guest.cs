namespace Makatea.EndToEnd;

/// <summary>A Linux guest in QEMU, driven through the agent on its second serial port.</summary>
internal sealed class Guest : IDisposable
{
    private const double BootSeconds = 90;

    private readonly string _consolePath;
    private readonly string _logPath;
    private readonly AgentConnection _agent;
    private readonly TetheredProcess _qemu;

    private Guest(Scratch scratch, GuestOptions options)
    {
        string name = "guest" + Directory.GetFiles(scratch.Folder, "guest*.log").Length;
        _consolePath = scratch.File(name + ".console");
        _logPath = scratch.File(name + ".log");
        _agent = new AgentConnection(scratch.File(name + ".agent"));
        Monitor = new QmpConnection(scratch.File(name + ".qmp"));
        _qemu = TetheredProcess.Start(_logPath, QemuCommand.Build(options, _consolePath, scratch.File(name + ".agent"), scratch.File(name + ".qmp")));
    }

    /// <summary>QEMU's monitor.</summary>
    public QmpConnection Monitor { get; }

    /// <summary>What the guest's kernel printed on its console.</summary>
    public string Console => File.Exists(_consolePath) ? File.ReadAllText(_consolePath) : "";

    /// <summary>Boots a guest and waits for its agent; or, with <see cref="GuestOptions.Incoming"/>, starts one that waits for its migration.</summary>
    public static Guest Boot(Scratch scratch, GuestOptions options)
    {
        var guest = new Guest(scratch, options);
        try
        {
            guest.Monitor.Open(30);
            if (options.Incoming is null)
            {
                guest.WaitForBoot();
            }

            return guest;
        }
        catch (Exception e)
        {
            string report = guest.Report($"did not boot: {e.Message}");
            guest.Dispose();
            throw new GuestException(report);
        }
    }

    /// <summary>Runs a shell script; it must end with status 0.</summary>
    /// <returns>What it printed.</returns>
    public string Run(string script, double seconds = 60)
    {
        (int status, string output) = TryRun(script, seconds);
        return status == 0 ? output : throw new GuestException(Report($"ended this with status {status}:\n{script}\nIt printed:\n{output}"));
    }

    /// <summary>Runs a shell script and returns its status and what it printed.</summary>
    public (int Status, string Output) TryRun(string script, double seconds = 60)
    {
        try
        {
            return _agent.Run(script, seconds);
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            throw new GuestException(Report($"did not end this within {seconds} s:\n{script}\n{e.Message}"));
        }
    }

    /// <summary>Starts a program in the background; what it prints goes to /tmp/NAME.log and its status to /tmp/NAME.status.</summary>
    public void Start(string name, string command) =>
        Run($"rm -f /tmp/{name}.status; ({command}; echo $? >/tmp/{name}.status) >/tmp/{name}.log 2>&1 &");

    /// <summary>Waits for a program of <see cref="Start"/>; it must end with status 0.</summary>
    /// <returns>What it printed.</returns>
    public string Finish(string name, double seconds = 120) =>
        Run($"while [ ! -s /tmp/{name}.status ]; do sleep 0.1; done; cat /tmp/{name}.log; exit $(cat /tmp/{name}.status)", seconds);

    /// <summary>Restarts it, as its own <c>reboot</c> does.</summary>
    public void Reboot()
    {
        _agent.Send("reboot -f");
        WaitForBoot();
    }

    /// <summary>Powers it off and waits for QEMU's end.</summary>
    public void PowerOff()
    {
        _agent.Send("sync; poweroff -f");
        _qemu.WaitForExit(30);
        if (_qemu.ExitCode != 0)
        {
            throw new GuestException(Report($"powered off, and QEMU ended with status {_qemu.ExitCode}"));
        }
    }

    /// <summary>Ends QEMU with SIGKILL, as a failing host would.</summary>
    public void Kill() => _qemu.Kill();

    /// <summary>Goes on as the guest that <paramref name="source"/> was until its migration here.</summary>
    public void TakeOver(Guest source) => _agent.TakeOver(source._agent);

    /// <summary>Fails where the guest's driver did not negotiate what the disk's properties ask for: a test of another ring than meant.</summary>
    public void AssertNegotiated(string device, GuestDisk disk, int cores, bool packed)
    {
        // One digit a feature bit, from bit 0 on.
        string features = Run($"cat /sys/bus/virtio/devices/{device}/features");
        Assert.Equal(packed, features[VirtioFeature.RingPacked] == '1');
        Assert.Equal(!disk.Properties.Contains("indirect_desc=off"), features[VirtioFeature.IndirectDescriptors] == '1');
        Assert.Equal(!disk.Properties.Contains("event_idx=off"), features[VirtioFeature.EventIndex] == '1');

        // Linux takes no more queues than it has processors.
        Assert.Equal(Math.Min(disk.Backend.Options.Queues, cores).ToString(), Run($"ls /sys/bus/virtio/devices/{device}/block/*/mq | wc -l"));
    }

    /// <summary>Fails where the kernel logged an error: of a disk, of a file system, a hung task, an oops.</summary>
    public void AssertKernelContent()
    {
        string complaints = TryRun("dmesg | grep -E 'I/O error|EXT4-fs (error|warning)|blocked for more|BUG: |Oops: |WARNING: CPU|Call Trace|virtio.*(error|fail|is not a head)'").Output;
        if (complaints.Length > 0)
        {
            throw new GuestException(Report($"complained:\n{complaints}"));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _qemu.Dispose();
        Monitor.Dispose();
        _agent.Dispose();
    }

    private static class VirtioFeature
    {
        public const int IndirectDescriptors = 28;
        public const int EventIndex = 29;
        public const int RingPacked = 34;
    }

    private void WaitForBoot()
    {
        try
        {
            _agent.WaitForReady(BootSeconds);
        }
        catch (Exception e) when (e is TimeoutException or IOException)
        {
            throw new GuestException(Report($"did not boot within {BootSeconds} s: {e.Message}"));
        }
    }

    private string Report(string what)
    {
        string[] console = Console.Split('\n');
        return $"The guest {what}\n--- the end of its console\n{string.Join('\n', console[^Math.Min(40, console.Length)..])}\n--- QEMU printed\n{_qemu.Output}";
    }
}
