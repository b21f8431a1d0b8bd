using System.Text.Json.Nodes;
using Makatea.Vmm.Linux.Tests.Monitor;

namespace Makatea.Vmm.Linux.Tests;

/// <summary>makatea-vmm with a small guest, told what to do on its monitor.</summary>
public sealed class QubeLifeTests
{
    [SkippableFact]
    public void A_pause_stands_it_still_and_a_resume_goes_on_from_there()
    {
        using var vmm = new RunningVmm();
        vmm.AwaitLog("tiny: hello\n");
        using var console = new ConsoleClient(vmm.ConsolePath);
        uint before = console.AskCounter();
        long exits = Exits(vmm);
        for (int i = 0; i < 50; i++)
        {
            vmm.Monitor.Do("stop");
            vmm.Monitor.Do("stop");
            Assert.Equal("paused", vmm.Monitor.Do("query-status")["status"]!.GetValue<string>());
            exits = Exits(vmm);
            if (i == 0)
            {
                console.Type("c");
                Thread.Sleep(200);
            }

            Assert.Equal(exits, Exits(vmm));
            vmm.Monitor.Do("cont");
        }

        // What was typed while it stood still waited for it.
        Assert.True(Convert.ToUInt32(console.Await("\n").TrimEnd()[^8..], 16) > before);
        Assert.True(console.AskCounter() > before);
        Assert.True(vmm.Monitor.Do("query-status")["running"]!.GetValue<bool>());
        Assert.Equal(50, vmm.Monitor.Events.Count(e => e == "STOP"));
        Assert.Equal(50, vmm.Monitor.Events.Count(e => e == "RESUME"));
        vmm.Monitor.Do("quit");
        vmm.Monitor.Await("SHUTDOWN false host-qmp-quit");
        Assert.Equal((0, ""), vmm.Finish());
    }

    [SkippableFact]
    public void The_power_button_has_it_power_itself_off()
    {
        using var vmm = new RunningVmm();
        vmm.AwaitLog("tiny: ");
        vmm.Monitor.Do("system_powerdown");
        vmm.Monitor.Await("SHUTDOWN true guest-shutdown");
        Assert.Contains("POWERDOWN", vmm.Monitor.Events);
        Assert.Equal((0, ""), vmm.Finish());
    }

    [SkippableFact]
    public void It_begins_when_it_may()
    {
        using var vmm = new RunningVmm("--paused");
        Assert.Equal("prelaunch", vmm.Monitor.Do("query-status")["status"]!.GetValue<string>());
        Thread.Sleep(500);
        Assert.Equal((0, ""), (Exits(vmm), vmm.Log));
        vmm.Monitor.Do("cont");
        vmm.AwaitLog("tiny: hello\n");
        using var console = new ConsoleClient(vmm.ConsolePath);
        console.Type("o");
        vmm.Monitor.Await("SHUTDOWN true guest-shutdown");
        Assert.Equal((0, ""), vmm.Finish());
    }

    [SkippableFact]
    public void Resets_of_either_side_start_it_anew_and_a_pause_holds_over_them()
    {
        using var vmm = new RunningVmm();
        vmm.AwaitLog("tiny: hello\n");
        using var console = new ConsoleClient(vmm.ConsolePath);
        console.Type("r");
        console.Await("tiny: hello\n");
        vmm.Monitor.Await("RESET true guest-reset");
        vmm.Monitor.Do("stop");
        vmm.Monitor.Do("system_reset");
        vmm.Monitor.Await("RESET false host-qmp-system-reset");
        Assert.Equal("paused", vmm.Monitor.Do("query-status")["status"]!.GetValue<string>());
        vmm.Monitor.Do("cont");
        console.Await("tiny: hello\n");
        for (int i = 0; i < 20; i++)
        {
            console.Type("r");
            console.Await("tiny: hello\n");
        }

        vmm.Monitor.Do("quit");
        Assert.Equal((0, ""), vmm.Finish());
    }

    [SkippableFact]
    public void A_guest_that_cannot_go_on_ends_with_a_report()
    {
        using var vmm = new RunningVmm();
        vmm.AwaitLog("tiny: hello\n");
        using var console = new ConsoleClient(vmm.ConsolePath);
        console.Type("t");
        vmm.Monitor.Await("SHUTDOWN true");
        (int status, string errors) = vmm.Finish();
        Assert.Equal(1, status);
        Skip.If(vmm.Monitor.Events[^1].EndsWith("host-error", StringComparison.Ordinal) && errors.Contains("does not know", StringComparison.Ordinal), "this /dev/kvm is emulated and does no triple faults");
        Assert.EndsWith("guest-panic", vmm.Monitor.Events[^1]);
        Assert.Contains("triple fault", errors);
    }

    [SkippableFact]
    public void What_it_is_can_be_asked()
    {
        using var vmm = new RunningVmm("--cpus 2");
        vmm.AwaitLog("tiny: hello\n");
        JsonNode info = vmm.Monitor.Do("x-makatea-info");
        Assert.Equal(64L << 20, info["memory-bytes"]!.GetValue<long>());
        Assert.True(info["tsc-frequency"]!.GetValue<long>() > 100_000_000);
        Assert.Equal(2, info["processors"]!.AsArray().Count);
        Assert.Equal("waiting-for-start-up", info["processors"]![1]!["state"]!.GetValue<string>());
        Assert.True(Exits(vmm) > 10);
        Assert.Contains(info["mitigations"]!.AsArray(), m => m!["name"]!.GetValue<string>() == "spectre_v2" && m["why"]!.GetValue<string>().Length > 0);
        Assert.Equal(2, vmm.Monitor.Do("query-cpus-fast").AsArray().Count);
        vmm.Monitor.Do("quit");
        Assert.Equal((0, ""), vmm.Finish());
    }

    [SkippableFact]
    public void A_console_that_nobody_reads_holds_up_neither_the_qube_nor_its_log()
    {
        using var vmm = new RunningVmm();
        vmm.AwaitLog("tiny: hello\n");
        using var console = new ConsoleClient(vmm.ConsolePath);
        console.Type("f");
        Assert.True(SpinWait.SpinUntil(() => vmm.LogLength > 512 << 10, TimeSpan.FromSeconds(120)), $"{vmm.LogLength} bytes came");
        Assert.Equal("running", vmm.Monitor.Do("query-status")["status"]!.GetValue<string>());
        vmm.Monitor.Do("quit");
        Assert.Equal(0, vmm.Finish().Status);
    }

    [SkippableFact]
    public void Several_watch_and_one_that_leaves_is_not_missed()
    {
        using var vmm = new RunningVmm();
        using (MonitorClient.Open(vmm.MonitorPath))
        {
        }

        using var other = MonitorClient.Open(vmm.MonitorPath);
        vmm.Monitor.Do("stop");
        other.Await("STOP");
        other.Do("quit");
        vmm.Monitor.Await("SHUTDOWN");
        Assert.Equal((0, ""), vmm.Finish());
    }

    private static long Exits(RunningVmm vmm) => vmm.Monitor.Do("x-makatea-info")["processors"]![0]!["exits"]!.GetValue<long>();
}
