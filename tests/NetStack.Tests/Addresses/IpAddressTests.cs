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

    /// <summary>[RFC 5952] 4 and [RFC 4291] 2.2: many ways to write an address, and the one in which it is written.</summary>
    [Theory]
    [InlineData("2001:0DB8::0001", "2001:db8::1")]
    [InlineData("2001:db8:0:0:0:0:2:1", "2001:db8::2:1")]
    [InlineData("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1")]
    [InlineData("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1")]
    [InlineData("2001:0:0:1:0:0:0:1", "2001:0:0:1::1")]
    [InlineData("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1")]
    [InlineData("1:0:0:0:0:0:0:0", "1::")]
    [InlineData("0:0:0:0:0:0:0:1", "::1")]
    [InlineData("64:ff9b::192.0.2.33", "64:ff9b::c000:221")]
    [InlineData("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304")]
    [InlineData("::ffff:0:0:0", "::ffff:0:0:0")]
    public void AnAddressIsWrittenInOneWay(string text, string written)
    {
        Assert.Equal(written, Parse(text).ToString());
        Assert.Equal(Parse(text), Parse(written));
    }

    [Fact]
    public void ItAgreesWithDotNet()
    {
        var random = new Random(5);
        byte[] bytes = new byte[16];
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);

            // Runs of zeros in all places; never one of those at the start that .NET writes as IPv4.
            for (int at = 2; at < 16; at += 2)
            {
                if (random.Next(2) == 0)
                {
                    bytes[at] = bytes[at + 1] = 0;
                }
            }

            bytes[0] |= 0x20;
            (bytes[10], bytes[11]) = (bytes[10] == 0x5e ? (byte)0 : bytes[10], bytes[11]);
            var expected = new IPAddress(bytes);
            Assert.Equal(expected.ToString(), IpAddress.ReadIPv6(bytes).ToString());
            Assert.Equal(IpAddress.ReadIPv6(bytes), Parse(expected.ToString()));
            var expected4 = new IPAddress(bytes.AsSpan(0, 4));
            Assert.Equal(expected4.ToString(), IpAddress.ReadIPv4(bytes).ToString());
            Assert.Equal(IpAddress.ReadIPv4(bytes), Parse(expected4.ToString()));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData(":")]
    [InlineData(":::")]
    [InlineData("1::2::3")]
    [InlineData(":1:2:3:4:5:6:7")]
    [InlineData("1:2:3:4:5:6:7:")]
    [InlineData("1:2:3:4:5:6:7")]
    [InlineData("1:2:3:4:5:6:7:8:9")]
    [InlineData("1:2:3:4::5:6:7:8")]
    [InlineData("12345::")]
    [InlineData("g::")]
    [InlineData("+1::")]
    [InlineData(" ::1")]
    [InlineData("[::1]")]
    [InlineData("::1/64")]
    [InlineData("1.2.3.4::")]
    [InlineData("::1.2.3.4:5")]
    [InlineData("1:2:3:4:5:6:7:1.2.3.4")]
    [InlineData("::256.1.1.1")]
    [InlineData("256.1.1.1")]
    [InlineData("1.2.3.4.5")]
    [InlineData("1.2.3.")]
    [InlineData(" 1.2.3.4")]
    [InlineData("+1.2.3.4")]
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
