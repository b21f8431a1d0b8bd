using System.Globalization;
using Makatea.Running;
using Makatea.Systems;

namespace Makatea.Qemu;

/// <summary>The command line of QEMU for a qube.</summary>
internal static class QemuCommandLine
{
    /// <summary>Kernel command line where the system file has none.</summary>
    public const string DefaultCommandLine = "console=ttyS0 root=/dev/vda";

    /// <summary>Arguments for QEMU.</summary>
    /// <param name="qube">The qube, its paths made absolute.</param>
    /// <param name="accelerator">What runs it.</param>
    /// <param name="paths">Its sockets.</param>
    /// <param name="monitor">Descriptor of its monitor, a connected UNIX socket.</param>
    public static IReadOnlyList<string> Build(QubeDescription qube, Accelerator accelerator, QubePaths paths, int monitor)
    {
        string name = qube.Name.Value;
        string memory = qube.Memory.ToString(CultureInfo.InvariantCulture);
        List<string> arguments =
        [
            "-nodefaults", "-no-user-config", "-display", "none",
            "-name", $"guest={name},process=qube-{name},debug-threads=on",
            "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
            "-machine", "q35,memory-backend=ram", "-accel", accelerator.Name, "-cpu", accelerator.Cpu,
            "-smp", qube.Cores.ToString(CultureInfo.InvariantCulture),
            "-m", $"size={memory}B",
            "-object", $"memory-backend-memfd,id=ram,size={memory}B,share=on",
            "-chardev", $"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control",
            "-chardev", $"socket,id=console,path={Escape(paths.Console)},server=on,wait=off,logfile={Escape(paths.ConsoleLog)},logappend=on", "-serial", "chardev:console",
            "-device", "virtio-rng-pci",
        ];
        if (qube.Kernel is { } kernel)
        {
            arguments.AddRange(["-kernel", kernel.Value, "-append", qube.CommandLine ?? DefaultCommandLine]);
        }

        if (qube.Initrd is { } initrd)
        {
            arguments.AddRange(["-initrd", initrd.Value]);
        }

        int index = 0;
        foreach (DiskDescription disk in qube.Disks)
        {
            // The storage domain may be started again at any time: QEMU then connects anew, once a second.
            arguments.AddRange(["-chardev", $"socket,id=disk{index},path={Escape(paths.Disks[index])},reconnect=1"]);
            string boot = qube.Kernel is null && index == 0 ? ",bootindex=0" : "";
            arguments.AddRange(["-device", $"vhost-user-blk-pci,id=disk-{disk.Name.Value},chardev=disk{index},num-queues={DiskManifest.QueuesOf(qube, disk)}{boot}"]);
            index++;
        }

        if (paths.Net is { } net)
        {
            AddNet(arguments, qube, accelerator, net);
        }

        return arguments;
    }

    private static void AddNet(List<string> arguments, QubeDescription qube, Accelerator accelerator, string socket)
    {
        PortDescription port = qube.Port ?? new();

        // A vector for each queue, one for changes of the configuration such as the link, and one for QEMU's control queue. Without KVM no MSI-X: there QEMU 7.2 looks for irqfds that it
        // does not have when a vhost-user network device starts (virtio_pci_vq_vector_unmask), and crashes.
        string vectors = accelerator.Name == "kvm" ? string.Create(CultureInfo.InvariantCulture, $",vectors={(2 * port.Queues) + 2}") : ",vectors=0";
        string queues = port.Queues == 1 ? "" : ",mq=on";
        string mtu = port.Mtu == PortDescription.DefaultMtu ? "" : string.Create(CultureInfo.InvariantCulture, $",host_mtu={port.Mtu}");

        // QEMU listens and the domain is handed connections: the other way round QEMU would look for a domain that was started again only after a second.
        arguments.AddRange(["-chardev", $"socket,id=net,path={Escape(socket)},server=on,wait=off"]);
        arguments.AddRange(["-netdev", string.Create(CultureInfo.InvariantCulture, $"vhost-user,id=net,chardev=net,queues={port.Queues}")]);
        arguments.AddRange(["-device", $"virtio-net-pci,id=net-port,netdev=net,mac={qube.Addresses!.Mac},romfile={queues}{vectors}{mtu}"]);
    }

    /// <summary>In QEMU's option syntax a comma ends a value unless doubled.</summary>
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
