namespace Makatea.Platform.Tests;

public sealed class PciAddressTests
{
    [Theory]
    [InlineData("0000:00:1f.2", 0, 0, 31, 2)]
    [InlineData("00:1f.2", 0, 0, 31, 2)]
    [InlineData("ffff:ff:1f.7", 0xffff, 0xff, 31, 7)]
    [InlineData("FFFF:aB:0.0", 0xffff, 0xab, 0, 0)]
    [InlineData("10000:00:00.0", null, 0, 0, 0)] // a segment of 16 bits; Linux names VMD's so, which has no requester IDs of its own
    [InlineData("1:2:3.4", 1, 2, 3, 4)]
    public void Text_is_read(string text, int? segment, byte bus, byte device, byte function)
    {
        Assert.Equal(segment is not null, PciAddress.TryParse(text, out PciAddress address));
        Assert.Equal(segment is { } s ? new PciAddress((ushort)s, bus, device, function) : default, address);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0")]
    [InlineData(".")]
    [InlineData(":.")]
    [InlineData("::.")]
    [InlineData("00:1f")]
    [InlineData("00:20.0")] // 32 devices
    [InlineData("00:1f.8")] // 8 functions
    [InlineData("100:00.0")]
    [InlineData("00:000.0")]
    [InlineData("00:00.00")]
    [InlineData("00.00:0")]
    [InlineData("00:00:0")]
    [InlineData("00:00.0.0")]
    [InlineData("00.00:00.0")]
    [InlineData("0000.00:00.0")]
    [InlineData("0000:00.00.0")]
    [InlineData("00000:00:00.0")]
    [InlineData("0:0000:00:00.0")]
    [InlineData("-1:00.0")]
    [InlineData("+1:00.0")]
    [InlineData("0x:00.0")]
    [InlineData(" 1:00.0")]
    [InlineData("00:00.0 ")]
    [InlineData("00:0g.0")]
    public void Other_text_is_refused(string? text)
    {
        Assert.False(PciAddress.TryParse(text, out PciAddress address));
        Assert.Equal(default, address);
    }

    [Fact]
    public void Every_requester_id_is_one_function_which_reads_as_it_is_written()
    {
        for (int id = 0; id <= ushort.MaxValue; id++)
        {
            var address = PciAddress.FromRequesterId(7, (ushort)id);
            Assert.Equal(id, address.RequesterId);
            Assert.True(PciAddress.TryParse(address.ToString(), out PciAddress again));
            Assert.Equal(address, again);
        }
    }

    [Fact]
    public void It_is_written_as_Linux_does() => Assert.Equal("00ab:0c:1f.7", new PciAddress(0xab, 0xc, 31, 7).ToString());

    [Fact]
    public void Order_is_by_segment_bus_device_and_function()
    {
        PciAddress[] ordered = [new(0, 0, 0, 7), new(0, 0, 1, 0), new(0, 1, 0, 0), new(0, 0xff, 31, 7), new(1, 0, 0, 0)];
        Assert.Equal(ordered, ordered.Reverse().Order());
    }
}
