using System.CommandLine;

namespace Makatea.Vmm.Linux.Tests;

public sealed class NetOptionTests
{
    [Theory]
    [InlineData("/run/n,mac=52:54:00:12:34:56", "/run/n", false)]
    [InlineData("n,server=on,mac=52:54:00:12:34:56", "n", true)]
    [InlineData("n,mac=52:54:00:12:34:56,server=off", "n", false)]
    public void A_network_interface_has_a_socket_and_an_address(string text, string socket, bool isServer)
    {
        NetOption[] nets = Parse(text).GetValue<NetOption[]>("--net")!;
        Assert.Equal([new NetOption(socket, new(0x5254_0012_3456), isServer)], nets);
    }

    [Theory]
    [InlineData("/run/n")]
    [InlineData(",mac=52:54:00:12:34:56")]
    [InlineData("n,mac=01:54:00:12:34:56")]
    [InlineData("n,mac=00:00:00:00:00:00")]
    [InlineData("n,mac=52:54:00:12:34")]
    [InlineData("n,mac=52:54:00:12:34:56,serve=on")]
    public void Anything_else_is_refused_with_what_is_expected(string text) =>
        Assert.Contains($"found --net {text}, expected SOCKET,mac=", Assert.Single(Parse(text).Errors).Message);

    private static ParseResult Parse(string text) => VmmCommand.Create().Parse(["--kernel", "/dev/null", "--net", text]);
}
