using System.Net;
using Makatea.Platform;

namespace Makatea.NetStack.Tests;

public sealed class IpAddressTests
{
    [Theory]
    [InlineData("10.137.0.5")]
    [InlineData("255.255.255.255")]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("fd09:24ef:4179::5")]
    [InlineData("fe80::5054:ff:fe12:3456")]
    public void WhatWasReadIsWritten(string text)
    {
        Assert.True(IpAddress.TryParse(text, out IpAddress address));
        Assert.Equal(text, address.ToString());
        byte[] bytes = new byte[16];
        int length = address.Write(bytes);
        Assert.Equal(IPAddress.Parse(text).GetAddressBytes(), bytes[..length]);
        Assert.Equal(address, length == 4 ? IpAddress.ReadIPv4(bytes) : IpAddress.ReadIPv6(bytes));
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("10.137.5")]
    [InlineData("010.1.1.1")]
    [InlineData("0x0a.1.1.1")]
    [InlineData("167772161")]
    [InlineData("fe80::1%eth0")]
    [InlineData("::ffff:10.0.0.1")]
    [InlineData("example.org")]
    public void WhatIsNoAddressIsRefused(string? text) => Assert.False(IpAddress.TryParse(text, out _));

    [Fact]
    public void KindsOfAddresses()
    {
        Assert.True(Parse("224.0.0.1").IsMulticast);
        Assert.True(Parse("ff02::1").IsMulticast);
        Assert.False(Parse("10.0.0.1").IsMulticast);
        Assert.True(Parse("127.0.0.53").IsLoopback);
        Assert.True(Parse("::1").IsLoopback);
        Assert.True(Parse("169.254.1.1").IsLinkLocal);
        Assert.True(Parse("fe80::1").IsLinkLocal);
        Assert.True(Parse("febf::1").IsLinkLocal);
        Assert.False(Parse("fec0::1").IsLinkLocal);
        Assert.True(IpAddress.Any4.IsUnspecified && IpAddress.Any6.IsUnspecified);
    }

    /// <summary>The example of [RFC 2464] 4: 34-56-78-9A-BC-DE has the identifier 36-56-78-FF-FE-9A-BC-DE.</summary>
    [Fact]
    public void LinkLocalOfAnEthernetAddress() =>
        Assert.Equal("fe80::3656:78ff:fe9a:bcde", IpAddress.LinkLocal(new MacAddress(0x3456_789a_bcde)).ToString());

    [Theory]
    [InlineData("10.137.0.0/16", "10.137.255.1", true)]
    [InlineData("10.137.0.0/16", "10.138.0.1", false)]
    [InlineData("0.0.0.0/0", "8.8.8.8", true)]
    [InlineData("0.0.0.0/0", "2001:db8::1", false)]
    [InlineData("::/0", "2001:db8::1", true)]
    [InlineData("::/0", "8.8.8.8", false)]
    [InlineData("10.1.2.3", "10.1.2.3", true)]
    [InlineData("10.1.2.3", "10.1.2.2", false)]
    [InlineData("fd09:24ef:4179::/64", "fd09:24ef:4179::5", true)]
    [InlineData("fd09:24ef:4179::/64", "fd09:24ef:4179:1::5", false)]
    public void NetworksHoldTheirAddresses(string prefix, string address, bool isIn)
    {
        Assert.True(IpPrefix.TryParse(prefix, out IpPrefix network));
        Assert.Equal(isIn, network.Contains(Parse(address)));
    }

    [Theory]
    [InlineData("10.137.0.1/16")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/")]
    [InlineData("10.0.0.0/-1")]
    [InlineData("::/129")]
    [InlineData("fd09::1/64")]
    public void WhatIsNoNetworkIsRefused(string text) => Assert.False(IpPrefix.TryParse(text, out _));

    private static IpAddress Parse(string text) => IpAddress.TryParse(text, out IpAddress address) ? address : throw new FormatException(text);
}
