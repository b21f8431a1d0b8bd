using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Makatea.EndToEnd;

/// <summary>A guest moves between two QEMUs while it writes and reads; each QEMU has backends of its own on the same images.</summary>
[Trait("Category", "Guest")]
public sealed class MigrationTests
{
    [SkippableTheory]
    [InlineData("packed=off")]
    [InlineData("packed=on")]
    public void A_guest_migrates_while_it_writes_and_reads(string ring)
    {
        using var scratch = new Scratch();
        string written = scratch.Image("written.img", 128 << 20);
        string read = scratch.Image("read.img", 48 << 20);
        byte[] content = RandomNumberGenerator.GetBytes(48 << 20);
        File.WriteAllBytes(read, content);
        string sum = Convert.ToHexStringLower(SHA256.HashData(content));
        string incoming = scratch.File("migration.sock");

        using var here = new Side(scratch, "here", written, read, ring);
        using var there = new Side(scratch, "there", written, read, ring);
        using Guest source = Guest.Boot(scratch, here.Options);
        using Guest target = Guest.Boot(scratch, there.Options with { Incoming = incoming });

        // The pages that the second one fills are written by the backend alone: where the log of dirty pages lacks one, the copy over there is stale.
        source.Start("stress", "/bin/blockstress /dev/vda 8 1 /tmp/stop");
        source.Start("reader", "while [ ! -e /tmp/stop ]; do echo 3 >/proc/sys/vm/drop_caches; sha256sum </dev/vdb; done");
        source.Run("while [ ! -s /tmp/reader.log ]; do sleep 0.1; done");
        source.Monitor.Execute("migrate-set-parameters", new JsonObject { ["max-bandwidth"] = 48 << 20, ["downtime-limit"] = 1000 });
        source.Monitor.Execute("migrate", new JsonObject { ["uri"] = $"unix:{incoming}" });
        string status = "";
        Deadline.Wait("the migration", 120, () => (status = source.Monitor.Execute("query-migrate")!["status"]!.GetValue<string>()) is "completed" or "failed");
        Assert.True(status == "completed", $"the migration {status}; the backends printed:\n{here.Log}\n{there.Log}");
        Deadline.Wait("the target to run", 30, () => target.Monitor.Execute("query-status")!["status"]!.GetValue<string>() == "running");
        source.Kill();

        target.TakeOver(source);
        Assert.Equal(sum, target.Run("sha256sum </dev/vdb").Split(' ')[0]);
        target.Run("old=$(tail -n 1 /tmp/stress.log); while [ $(tail -n 1 /tmp/stress.log) = $old ]; do sleep 0.1; done; touch /tmp/stop", 30);
        Assert.Contains("verified:", target.Finish("stress"), StringComparison.Ordinal);
        Assert.All(target.Finish("reader").Split('\n'), line => Assert.StartsWith(sum, line, StringComparison.Ordinal));
        target.AssertKernelContent();
        target.PowerOff();
    }

    /// <summary>The backends of one QEMU.</summary>
    private sealed class Side : IDisposable
    {
        private readonly BlockBackend _written;
        private readonly BlockBackend _read;

        public Side(Scratch scratch, string name, string written, string read, string ring)
        {
            _written = BlockBackend.Create(scratch, name + "-written", new BackendOptions(written) { Shared = true }).Start();
            _read = BlockBackend.Create(scratch, name + "-read", new BackendOptions(read) { Shared = true, ReadOnly = true }).Start();
            Options = new GuestOptions { Disks = [new GuestDisk(_written, ring), new GuestDisk(_read, ring)] };
        }

        public GuestOptions Options { get; }

        public string Log => _written.Log + _read.Log;

        public void Dispose()
        {
            _written.Dispose();
            _read.Dispose();
        }
    }
}
