using Makatea.Qemu;
using Makatea.Running;
using Makatea.Systems;

namespace Makatea.Tests.Qemu;

public class QemuCommandLineTests
{
    private static readonly QubePaths _paths = new("/run/m/w,1", "/log/w.log", ["/run/m/w.root", "/run/m/w.data"]);

    private static QubeDescription Qube() => new()
    {
        Name = new("work", default),
        Memory = 512 << 20,
        Cores = 2,
        Kernel = new("/k", default),
        Initrd = new("/i", default),
        CommandLine = "quiet splash",
        Root = new DiskDescription { Name = new("root", default), Template = new("/t", default) },
        OtherDisks = [new DiskDescription { Name = new("data", default), Image = new("/d", default), Queues = 4 }],
    };

    private static List<string> Build(QubeDescription qube, string accelerator = "tcg") => [.. QemuCommandLine.Build(qube, new Accelerator(accelerator, ""), _paths, 3)];

    private static string After(List<string> arguments, string option, int occurrence = 0) =>
        arguments[arguments.Select((a, i) => (a, i)).Where(x => x.a == option).ElementAt(occurrence).i + 1];

    [Fact]
    public void Memory_is_shared_and_backs_the_machine()
    {
        List<string> arguments = Build(Qube());
        Assert.Equal("memory-backend-memfd,id=ram,size=536870912B,share=on", After(arguments, "-object"));
        Assert.Equal("q35,memory-backend=ram", After(arguments, "-machine"));
        Assert.Equal(("size=536870912B", "2"), (After(arguments, "-m"), After(arguments, "-smp")));
    }

    [Fact]
    public void Each_disk_reconnects_and_has_its_queues()
    {
        List<string> arguments = Build(Qube());
        Assert.Contains("socket,id=disk0,path=/run/m/w.root,reconnect=1", arguments);
        Assert.Contains("vhost-user-blk-pci,id=disk-root,chardev=disk0,num-queues=2", arguments); // one a core
        Assert.Contains("socket,id=disk1,path=/run/m/w.data,reconnect=1", arguments);
        Assert.Contains("vhost-user-blk-pci,id=disk-data,chardev=disk1,num-queues=4", arguments);
    }

    [Fact]
    public void The_network_waits_for_its_domain_and_has_its_address_and_queues()
    {
        QubeDescription qube = Qube();
        Assert.DoesNotContain(Build(qube), a => a.Contains("netdev", StringComparison.Ordinal));
        qube.Addresses = AddressPlan.Default(17);
        List<string> arguments = [.. QemuCommandLine.Build(qube, new Accelerator("tcg", ""), _paths with { Net = "/run/m/w,@net" }, 3)];
        Assert.Contains("socket,id=net,path=/run/m/w,,@net,server=on,wait=off", arguments);
        Assert.Equal("vhost-user,id=net,chardev=net,queues=1", After(arguments, "-netdev"));
        Assert.Contains("virtio-net-pci,id=net-port,netdev=net,mac=00:16:3e:5e:6c:11,romfile=,vectors=0", arguments); // of TCG
        qube.Port = new PortDescription { Queues = 4, Mtu = 9000 };
        arguments = [.. QemuCommandLine.Build(qube, new Accelerator("kvm", ""), _paths with { Net = "/n" }, 3)];
        Assert.Equal("vhost-user,id=net,chardev=net,queues=4", After(arguments, "-netdev"));
        Assert.Contains("virtio-net-pci,id=net-port,netdev=net,mac=00:16:3e:5e:6c:11,romfile=,mq=on,vectors=10,host_mtu=9000", arguments);
    }

    [Theory]
    [InlineData("tcg", "max")]
    [InlineData("kvm", "host")]
    public void The_processor_goes_with_the_accelerator(string accelerator, string cpu)
    {
        List<string> arguments = Build(Qube(), accelerator);
        Assert.Equal((accelerator, cpu), (After(arguments, "-accel"), After(arguments, "-cpu")));
    }

    [Fact]
    public void A_kernel_is_booted_with_its_command_line()
    {
        QubeDescription qube = Qube();
        List<string> arguments = Build(qube);
        Assert.Equal(("/k", "/i", "quiet splash"), (After(arguments, "-kernel"), After(arguments, "-initrd"), After(arguments, "-append")));
        qube.CommandLine = null;
        Assert.Equal(QemuCommandLine.DefaultCommandLine, After(Build(qube), "-append"));
    }

    [Fact]
    public void Without_a_kernel_the_first_disk_is_booted()
    {
        QubeDescription qube = Qube();
        qube.Kernel = qube.Initrd = null;
        List<string> arguments = Build(qube);
        Assert.DoesNotContain("-kernel", arguments);
        Assert.DoesNotContain("-append", arguments);
        Assert.Contains("vhost-user-blk-pci,id=disk-root,chardev=disk0,num-queues=2,bootindex=0", arguments);
        Assert.Single(arguments, a => a.Contains("bootindex", StringComparison.Ordinal));
    }

    [Fact]
    public void A_comma_in_a_path_does_not_end_the_option() =>
        Assert.Contains("socket,id=console,path=/run/m/w,,1,server=on,wait=off,logfile=/log/w.log,logappend=on", Build(Qube()));
}
