using Makatea.Platform;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>The commands by which devices come and go, which are QEMU's.</summary>
internal static class DeviceCommands
{
    private const string Disk = "vhost-user-blk-pci";
    private const string Net = "virtio-net-pci";

    /// <summary>Those of a qube.</summary>
    public static IEnumerable<MonitorCommand> Of(QubeProgram program) =>
    [
        Command("chardev-add", ["id", "backend"], arguments => program.AddSocket(arguments.Text("id"), SocketPath(arguments.Object("backend")))),
        Command("chardev-remove", ["id"], arguments => program.RemoveSocket(arguments.Text("id"))),
        Command("netdev_add", ["id", "type", "chardev"], arguments =>
        {
            Expect("type", arguments.Text("type"), "vhost-user");
            program.AddNetEnd(arguments.Text("id"), arguments.Text("chardev"));
        }),
        Command("netdev_del", ["id"], arguments => program.RemoveNetEnd(arguments.Text("id"))),
        Command("device_add", ["driver", "id", "chardev", "netdev", "mac"], arguments => Attach(program, arguments)),
        Command("device_del", ["id"], arguments => program.Detach(arguments.Text("id"))),
    ];

    private static void Attach(QubeProgram program, MonitorArguments arguments)
    {
        switch (arguments.Text("driver"))
        {
            case Disk:
                program.AttachDisk(arguments.Text("id"), arguments.Text("chardev"));
                break;
            case Net:
                string mac = arguments.Text("mac");
                if (!MacAddress.TryParse(mac, out MacAddress address) || address.IsMulticast || address.Value == 0)
                {
                    throw new MonitorException($"parameter 'mac': found {mac}, expected the address of one station such as 52:54:00:12:34:56");
                }

                program.AttachNet(arguments.Text("id"), arguments.Text("netdev"), address);
                break;
            case { } other:
                throw new MonitorException($"parameter 'driver': found {other}, expected {Disk} or {Net}");
        }
    }

    /// <summary>QEMU's <c>ChardevBackend</c>: a socket that a back end listens on.</summary>
    private static string SocketPath(MonitorArguments backend)
    {
        Expect("type", backend.Text("type"), "socket");
        MonitorArguments data = backend.Object("data");
        if (data.Flag("server", otherwise: true))
        {
            throw new MonitorException("parameter 'server': found true, expected false: the back end listens");
        }

        MonitorArguments address = data.Object("addr");
        Expect("type", address.Text("type"), "unix");
        return address.Object("data").Text("path");
    }

    private static void Expect(string name, string found, string expected)
    {
        if (found != expected)
        {
            throw new MonitorException($"parameter '{name}': found {found}, expected {expected}");
        }
    }

    private static MonitorCommand Command(string name, IReadOnlyList<string> parameters, Action<MonitorArguments> execute) => new(name, parameters, arguments =>
    {
        execute(arguments);
        return null;
    });
}
