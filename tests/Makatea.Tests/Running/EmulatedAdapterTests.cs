using Makatea.Cli;
using Makatea.Platform;
using Makatea.Qemu;
using Makatea.Running;

namespace Makatea.Tests.Running;

public sealed class EmulatedAdapterTests
{
    [SkippableFact]
    [Trait("Category", "Device")]
    public void The_IOMMU_is_tried_and_each_component_gets_the_adapter_anew()
    {
        List<string> notices = [];
        using var adapter = new EmulatedAdapter("user", null, new MacAddress(0x0016_3e5e_6c01), Qemu(), n =>
        {
            lock (notices)
            {
                notices.Add(n);
            }
        });
        Assert.Equal([GrantType.Channel], adapter.Types);
        for (int component = 0; component < 2; component++)
        {
            Assert.False(Assert.Single(adapter.Open()).IsInvalid);
            adapter.Release();
        }

        Assert.Matches(@"^its 82574L 0000:00:0\d\.0 is a device model \(QEMU, process \d+\) behind VT-d; tried: 0000:00:0\d\.0 was kept from reading page 0x[0-9a-f]+", Assert.Single(notices));
    }

    [Theory]
    [InlineData("user", "user,id=wire")]
    [InlineData("connect:/run/a,b", "stream,id=wire,server=off,addr.type=unix,addr.path=/run/a,,b")]
    [InlineData("listen:/run/a", "stream,id=wire,server=on,addr.type=unix,addr.path=/run/a")]
    public void Wires_are_QEMUs(string wire, string expected) => Assert.Equal(expected, QemuWire.Netdev(wire, "wire"));

    private static string Qemu()
    {
        try
        {
            return QemuProgram.Find(null);
        }
        catch (CommandException e)
        {
            throw new SkipException(e.Message);
        }
    }
}
