namespace Makatea.Platform.Tests;

public sealed class MacAddressTests
{
    [Theory]
    [InlineData("52:54:00:12:34:56", 0x525400123456)]
    [InlineData("ff:FF:ff:fF:ff:ff", 0xffffffffffff)]
    [InlineData("00:00:00:00:00:00", 0)]
    [InlineData("00:00:00:00:00:01", 1)]
    public void Text_is_read_and_written(string text, long value)
    {
        Assert.True(MacAddress.TryParse(text, out MacAddress address));
        Assert.Equal((ulong)value, address.Value);
        Assert.Equal(text.ToLowerInvariant(), address.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("52:54:00:12:34")]
    [InlineData("52:54:00:12:34:56:78")]
    [InlineData("5:54:00:12:34:56")]
    [InlineData("052:54:00:12:34:56")]
    [InlineData("52-54-00-12-34-56")]
    [InlineData("52:54:00:12:34:5g")]
    [InlineData("52:54:00:12:34: 6")]
    [InlineData("52:54:00:12:34:+6")]
    [InlineData("52:54:00:12:34:")]
    public void Other_text_is_refused(string? text)
    {
        Assert.False(MacAddress.TryParse(text, out MacAddress address));
        Assert.Equal(default, address);
    }

    [Fact]
    public void Bytes_have_the_order_of_the_wire()
    {
        byte[] wire = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
        var address = MacAddress.Read(wire);
        Assert.Equal("52:54:00:12:34:56", address.ToString());
        byte[] again = new byte[MacAddress.Length];
        address.Write(again);
        Assert.Equal(wire, again);
    }

    [Theory]
    [InlineData("01:00:5e:00:00:01", true)]
    [InlineData("ff:ff:ff:ff:ff:ff", true)]
    [InlineData("02:00:00:00:00:00", false)]
    [InlineData("fe:ff:ff:ff:ff:ff", false)]
    public void The_first_bit_on_the_wire_tells_groups(string text, bool multicast)
    {
        Assert.True(MacAddress.TryParse(text, out MacAddress address));
        Assert.Equal(multicast, address.IsMulticast);
    }
}
