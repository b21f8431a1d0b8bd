using Makatea.Qemu;
using Makatea.Systems;

namespace Makatea.Tests.Qemu;

public sealed class Sel4MachineTests
{
    private static readonly Sel4Machine _machine = new() { Kernel = "/k", Module = "/m", Memory = 512 };

    [Fact]
    public void Commas_in_names_do_not_end_options_of_QEMU()
    {
        IReadOnlyList<string> arguments = (_machine with { Module = "/a,b", Disks = ["/c,d"], Network = "connect:/e,f" }).Arguments();
        Assert.Equal("/a,,b", arguments[^1]);
        Assert.Contains("if=none,id=disk1,format=raw,file=/c,,d", arguments);
        Assert.Contains("stream,id=net,server=off,addr.type=unix,addr.path=/e,,f", arguments);
    }

    [Fact]
    public void Each_disk_is_a_namespace()
    {
        IReadOnlyList<string> arguments = (_machine with { Disks = ["/one", "/two"] }).Arguments();
        Assert.Contains("nvme-ns,bus=nvme,nsid=1,drive=disk1", arguments);
        Assert.Contains("nvme-ns,bus=nvme,nsid=2,drive=disk2", arguments);
        Assert.Contains("if=none,id=disk2,format=raw,file=/two", arguments);
    }

    /// <summary>Where system files look for them.</summary>
    [Fact]
    public void Devices_are_where_system_files_say()
    {
        IReadOnlyList<string> arguments = _machine.Arguments();
        Assert.Equal(("0000:00:03.0", "0000:00:04.0"), (Sel4Devices.Nvme, Sel4Devices.Adapter));
        Assert.Contains("nvme,id=nvme,serial=makatea,addr=03", arguments);
        Assert.Contains("e1000e,mac=52:54:00:12:34:56,addr=04,netdev=net", arguments);
    }

    [Fact]
    public void The_wire_reaches_no_other_machine_unless_it_is_told_to() => Assert.Contains("user,id=net,restrict=on", _machine.Arguments());

    [Theory]
    [InlineData("isolated", "user,id=net,restrict=on")]
    [InlineData("user", "user,id=net")]
    [InlineData("listen:/s", "stream,id=net,server=on,addr.type=unix,addr.path=/s")]
    [InlineData("none", null)]
    public void The_wire_goes_where_it_is_told(string network, string? expected)
    {
        IReadOnlyList<string> arguments = (_machine with { Network = network }).Arguments();
        Assert.Equal(expected is not null, arguments.Contains("-netdev"));
        Assert.True(expected is null || arguments.Contains(expected));
    }

    [Theory]
    [InlineData("isolated", true)]
    [InlineData("user", true)]
    [InlineData("none", true)]
    [InlineData("connect:/x", true)]
    [InlineData("listen:x", true)]
    [InlineData("connect:", false)]
    [InlineData("tap", false)]
    [InlineData("tap:/x", false)]
    [InlineData("", false)]
    public void Wires_are_known(string network, bool isKnown) => Assert.Equal(isKnown, Sel4Machine.IsNetwork(network));
}
