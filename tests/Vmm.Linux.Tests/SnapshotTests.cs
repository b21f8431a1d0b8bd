using System.Text.Json.Nodes;
using IO = System.IO;

namespace Makatea.Vmm.Linux.Tests;

/// <summary>makatea-vmm's qube in a file, and another makatea-vmm that goes on from it.</summary>
public sealed class SnapshotTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("makatea-snapshot-").FullName;

    private string Snapshot => Path.Combine(_folder, "qube");

    [SkippableFact]
    public void It_goes_on_counting_where_it_was_and_so_does_the_first()
    {
        using var first = new RunningVmm("--cpus 2");
        first.AwaitLog("tiny: hello\n");
        using var console = new ConsoleClient(first.ConsolePath);
        uint before = console.AskCounter();
        first.Monitor.Do("x-makatea-snapshot", File(Snapshot));
        uint after = console.AskCounter();
        Assert.True(after > before);
        Assert.Equal("running", first.Monitor.Do("query-status")["status"]!.GetValue<string>());
        first.Monitor.Do("quit");
        Assert.Equal((0, ""), first.Finish());

        // Twice from the same file, of which holes are no part.
        for (int i = 0; i < 2; i++)
        {
            using var second = new RunningVmm($"--restore {Snapshot}");
            second.AwaitQube();
            using var other = new ConsoleClient(second.ConsolePath);
            uint then = other.AskCounter();
            Assert.True(then > before, $"{then} after {before}");
            Assert.DoesNotContain("tiny", second.Log, StringComparison.Ordinal);
            Assert.Equal(2, second.Monitor.Do("query-cpus-fast").AsArray().Count);
            other.Type("o");
            second.Monitor.Await("SHUTDOWN true guest-shutdown");
            Assert.Equal((0, ""), second.Finish());
        }
    }

    [SkippableFact]
    public void One_that_is_paused_is_saved_and_restored_as_it_stands_and_resets_into_its_kernel()
    {
        using var first = new RunningVmm();
        first.AwaitLog("tiny: hello\n");
        first.Monitor.Do("stop");
        first.Monitor.Do("x-makatea-snapshot", File(Snapshot));
        Assert.Equal("paused", first.Monitor.Do("query-status")["status"]!.GetValue<string>());
        first.Monitor.Do("quit");
        Assert.Equal((0, ""), first.Finish());

        using var second = new RunningVmm($"--restore {Snapshot} --paused");
        second.AwaitQube();
        using var console = new ConsoleClient(second.ConsolePath);
        console.Type("c");
        Thread.Sleep(300);
        Assert.Equal("", second.Log);

        // A snapshot of what was restored and never ran.
        second.Monitor.Do("x-makatea-snapshot", File(Snapshot));
        second.Monitor.Do("cont");
        second.AwaitLog("\n");
        console.Type("r");
        second.AwaitLog("tiny: hello\n");
        second.Monitor.Do("quit");
        Assert.Equal((0, ""), second.Finish());
        using var third = new RunningVmm($"--restore {Snapshot}");
        third.AwaitQube();
        using var again = new ConsoleClient(third.ConsolePath);
        Assert.True(again.AskCounter() > 0);
        third.Monitor.Do("quit");
    }

    [SkippableFact]
    public void A_file_that_cannot_be_written_is_the_client_s_error_and_the_qube_goes_on()
    {
        using var vmm = new RunningVmm();
        vmm.AwaitLog("tiny: hello\n");
        Assert.Contains("no snapshot was written to '/nowhere/qube'", vmm.Monitor.Refused("x-makatea-snapshot", File("/nowhere/qube")), StringComparison.Ordinal);
        using var console = new ConsoleClient(vmm.ConsolePath);
        uint before = console.AskCounter();
        Assert.True(console.AskCounter() > before);
        vmm.Monitor.Do("quit");
        Assert.Equal((0, ""), vmm.Finish());
    }

    /// <summary>A byte of each part is changed, and the file is cut; nothing starts from that.</summary>
    [SkippableFact]
    public void A_damaged_file_is_refused_before_anything_starts()
    {
        using (var vmm = new RunningVmm())
        {
            vmm.AwaitLog("tiny: hello\n");
            vmm.Monitor.Do("x-makatea-snapshot", File(Snapshot));
            vmm.Monitor.Do("quit");
            vmm.Finish();
        }

        byte[] whole = IO.File.ReadAllBytes(Snapshot);
        Assert.Equal(whole.Length, (64 << 20) + 4096 + BitConverter.ToInt32(whole, 32));
        Refused("no snapshot", 0);
        Refused("has form", 8);
        Refused("header is damaged", 40);
        Refused("state is damaged", (64 << 20) + 4096 + 500);
        Refused("memory is damaged", 4096 + 0x20_0000);
        IO.File.WriteAllBytes(Snapshot, whole[..^8]);
        Assert.Contains("would have", Restore(), StringComparison.Ordinal);
        IO.File.WriteAllBytes(Snapshot, []);
        Assert.Contains("no snapshot", Restore(), StringComparison.Ordinal);

        void Refused(string message, int offset)
        {
            byte[] damaged = [.. whole];
            damaged[offset] ^= 0x10;
            IO.File.WriteAllBytes(Snapshot, damaged);
            Assert.Contains(message, Restore(), StringComparison.Ordinal);
        }
    }

    [SkippableFact]
    public void Disks_that_were_not_there_are_refused()
    {
        using (var vmm = new RunningVmm())
        {
            vmm.AwaitLog("tiny: hello\n");
            vmm.Monitor.Do("x-makatea-snapshot", File(Snapshot));
            vmm.Monitor.Do("quit");
            vmm.Finish();
        }

        Assert.Contains("nosuch.sock", Restore("--disk /nosuch.sock"), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static JsonObject File(string path) => new() { ["file"] = path };

    private string Restore(string arguments = "") => RunningVmm.Fail($"--restore {Snapshot} {arguments}");
}
