using System.Text.Json.Nodes;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Block;

namespace Makatea.Vmm.Linux.Tests;

/// <summary>makatea-vmm's devices that come and go, of a guest that has no drivers: what the monitor says and when they are gone. That Linux uses them is for the tests with guests.</summary>
public sealed class DeviceCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("makatea-devices-").FullName;
    private readonly VirtioBlockDevice _backend;
    private readonly VhostUserServer _server;
    private readonly UnixChannelListener _listener;
    private readonly Thread _thread;

    public DeviceCommandTests()
    {
        string image = Path.Combine(_folder, "image");
        File.WriteAllBytes(image, new byte[1 << 20]);
        _backend = new VirtioBlockDevice(FileBlockDevice.Open(image, new FileBlockOptions { Locking = FileLocking.None }), new VirtioBlockOptions { Name = "disk" });
        _listener = UnixChannelListener.Bind(Socket);
        _server = new VhostUserServer(_backend, new LinuxHost());
        _thread = new Thread(() => _server.Serve(_listener)) { IsBackground = true };
        _thread.Start();
    }

    private string Socket => Path.Combine(_folder, "disk.sock");

    [SkippableFact]
    public void A_device_comes_and_leaves_at_a_reset_at_the_latest()
    {
        using var vmm = new RunningVmm();
        vmm.AwaitLog("tiny: hello\n");
        vmm.Monitor.Do("chardev-add", Chardev("c", Socket));
        vmm.Monitor.Do("device_add", Disk("d", "c"));
        Assert.Equal(1, Devices(vmm));
        Assert.Contains("there is a device 'd' already", vmm.Monitor.Refused("device_add", Disk("d", "c")), StringComparison.Ordinal);
        Assert.Contains("socket 'c' is in use", vmm.Monitor.Refused("chardev-remove", Id("c")), StringComparison.Ordinal);

        // The guest does not listen: it is there until the guest starts anew.
        vmm.Monitor.Do("device_del", Id("d"));
        Assert.Equal(1, Devices(vmm));
        vmm.Monitor.Do("system_reset");
        vmm.Monitor.Await("DEVICE_DELETED");
        vmm.AwaitQube();
        Assert.Equal(0, Devices(vmm));
        vmm.Monitor.Do("chardev-remove", Id("c"));
        vmm.Monitor.Do("quit");
        Assert.Equal((0, ""), vmm.Finish());
    }

    [SkippableFact]
    public void A_device_that_came_is_in_a_snapshot_and_stays_over_resets()
    {
        string snapshot = Path.Combine(_folder, "snapshot");
        using (var vmm = new RunningVmm())
        {
            vmm.AwaitLog("tiny: hello\n");
            vmm.Monitor.Do("chardev-add", Chardev("c", Socket));
            vmm.Monitor.Do("device_add", Disk("d", "c"));
            vmm.Monitor.Do("system_reset");
            vmm.Monitor.Await("RESET");
            vmm.AwaitQube();
            Assert.Equal(1, Devices(vmm));
            vmm.Monitor.Do("x-makatea-snapshot", new JsonObject { ["file"] = snapshot });
            vmm.Monitor.Do("quit");
            vmm.Finish();
        }

        Assert.Contains("the snapshot has 1 devices, and the qube has 0", RunningVmm.Fail($"--restore {snapshot}"), StringComparison.Ordinal);
        using var restored = new RunningVmm($"--restore {snapshot} --disk {Socket}");
        restored.AwaitQube();
        Assert.Equal(1, Devices(restored));
        restored.Monitor.Do("quit");
        Assert.Equal((0, ""), restored.Finish());
    }

    [SkippableFact]
    public void What_is_wrong_is_said()
    {
        using var vmm = new RunningVmm();
        vmm.AwaitQube();
        Assert.Contains("there is no socket 'x'", vmm.Monitor.Refused("device_add", Disk("d", "x")), StringComparison.Ordinal);
        Assert.Contains("there is no device 'd'", vmm.Monitor.Refused("device_del", Id("d")), StringComparison.Ordinal);
        Assert.Contains("there is no socket 'x'", vmm.Monitor.Refused("chardev-remove", Id("x")), StringComparison.Ordinal);
        vmm.Monitor.Do("chardev-add", Chardev("c", Path.Combine(_folder, "nobody.sock")));
        Assert.Contains("there is a socket 'c' already", vmm.Monitor.Refused("chardev-add", Chardev("c", "other")), StringComparison.Ordinal);
        Assert.Contains("device 'd' is not attached", vmm.Monitor.Refused("device_add", Disk("d", "c")), StringComparison.Ordinal);
        Assert.Contains("'driver': found e1000", vmm.Monitor.Refused("device_add", new JsonObject { ["driver"] = "e1000", ["id"] = "d" }), StringComparison.Ordinal);
        vmm.Monitor.Do("netdev_add", new JsonObject { ["id"] = "n", ["type"] = "vhost-user", ["chardev"] = "c" });
        Assert.Contains("'mac': found 01:00:00:00:00:01", vmm.Monitor.Refused("device_add", new JsonObject { ["driver"] = "virtio-net-pci", ["id"] = "d", ["netdev"] = "n", ["mac"] = "01:00:00:00:00:01" }), StringComparison.Ordinal);
        JsonObject server = Chardev("s", "x");
        server["backend"]!["data"]!["server"] = true;
        Assert.Contains("'server'", vmm.Monitor.Refused("chardev-add", server), StringComparison.Ordinal);
        vmm.Monitor.Do("netdev_del", Id("n"));
        Assert.Equal(0, Devices(vmm));
        vmm.Monitor.Do("quit");
        Assert.Equal((0, ""), vmm.Finish());
    }

    public void Dispose()
    {
        _server.Dispose();
        _thread.Join(TimeSpan.FromSeconds(10));
        _listener.Dispose();
        _backend.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static int Devices(RunningVmm vmm) => vmm.Monitor.Do("x-makatea-info")["devices"]!.AsArray().Count;

    private static JsonObject Id(string id) => new() { ["id"] = id };

    private static JsonObject Disk(string id, string chardev) => new() { ["driver"] = "vhost-user-blk-pci", ["id"] = id, ["chardev"] = chardev };

    private static JsonObject Chardev(string id, string path) => new()
    {
        ["id"] = id,
        ["backend"] = new JsonObject
        {
            ["type"] = "socket",
            ["data"] = new JsonObject { ["server"] = false, ["addr"] = new JsonObject { ["type"] = "unix", ["data"] = new JsonObject { ["path"] = path } } },
        },
    };
}
