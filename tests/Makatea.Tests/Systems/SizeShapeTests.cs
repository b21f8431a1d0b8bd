using Makatea.Systems;

namespace Makatea.Tests.Systems;

public class SizeShapeTests
{
    [Theory]
    [InlineData("256M", 256ul << 20)]
    [InlineData("256m", 256ul << 20)]
    [InlineData("4K", 4096)]
    [InlineData("1.5GiB", 3ul << 29)]
    [InlineData("2T", 2ul << 40)]
    public void Reads_powers_of_1024(string text, ulong expected)
    {
        Assert.True(SizeShape.TryParse(text, out decimal bytes));
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [InlineData("256")]
    [InlineData("256MB")]
    [InlineData("M")]
    [InlineData("-1M")]
    [InlineData("1,5M")]
    [InlineData("1.M")]
    [InlineData("256M\n")]
    [InlineData("9999999999999999T")]
    [InlineData("٣M")]
    public void Refuses(string text) => Assert.False(SizeShape.TryParse(text, out _));

    [Theory]
    [InlineData(1ul << 40, "1T")]
    [InlineData(1536, "1536 bytes")]
    [InlineData(3ul << 20, "3M")]
    public void Formats_without_loss(ulong bytes, string expected) => Assert.Equal(expected, SizeShape.Format(bytes));
}
