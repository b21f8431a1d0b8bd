using Makatea.Vmm.Acpi;

namespace Makatea.Vmm.Tests.Acpi;

/// <summary>[ACPI-6.5] 20.2; the expected bytes are the standard's examples and what iasl writes.</summary>
public sealed class AmlTests
{
    [Theory]
    [InlineData(@"\_SB", new byte[] { 0x5c, (byte)'_', (byte)'S', (byte)'B', (byte)'_' })]
    [InlineData("A", new byte[] { (byte)'A', (byte)'_', (byte)'_', (byte)'_' })]
    [InlineData("AB.CDEF", new byte[] { 0x2e, (byte)'A', (byte)'B', (byte)'_', (byte)'_', (byte)'C', (byte)'D', (byte)'E', (byte)'F' })]
    [InlineData(@"\A.B.C", new byte[] { 0x5c, 0x2f, 3, (byte)'A', (byte)'_', (byte)'_', (byte)'_', (byte)'B', (byte)'_', (byte)'_', (byte)'_', (byte)'C', (byte)'_', (byte)'_', (byte)'_' })]
    public void Names_are_segments_of_four_characters(string name, byte[] expected)
    {
        List<byte> bytes = [];
        AmlEncoding.AppendName(bytes, name);
        Assert.Equal(expected, bytes);
    }

    [Theory]
    [InlineData("ABCDE")]
    [InlineData("")]
    [InlineData("A..B")]
    [InlineData("a")]
    [InlineData("1A")]
    public void What_is_no_name_is_refused(string name) => Assert.Throws<ArgumentException>(() => AmlEncoding.AppendName([], name));

    [Theory]
    [InlineData(0, new byte[] { 0x01 })]
    [InlineData(62, new byte[] { 0x3f })]
    [InlineData(63, new byte[] { 0x41, 0x04 })]
    [InlineData(4093, new byte[] { 0x4f, 0xff })]
    [InlineData(4094, new byte[] { 0x81, 0x00, 0x01 })]
    [InlineData(1048572, new byte[] { 0x8f, 0xff, 0xff })]
    [InlineData(1048573, new byte[] { 0xc1, 0x00, 0x00, 0x01 })]
    public void A_package_s_length_counts_its_own_bytes(int content, byte[] expected)
    {
        List<byte> bytes = [];
        AmlEncoding.AppendPackage(bytes, new byte[content]);
        Assert.Equal(expected, bytes.Take(expected.Length));
        Assert.Equal(expected.Length + content, bytes.Count);
    }

    [Theory]
    [InlineData("PNP0501", 0x0105_d041U)]
    [InlineData("PNP0A08", 0x080a_d041U)]
    public void Identifiers_of_EISA_are_packed(string id, uint expected) => Assert.Equal(expected, AmlEncoding.EisaId(id));

    [Theory]
    [InlineData(0UL, new byte[] { 0x00 })]
    [InlineData(1UL, new byte[] { 0x01 })]
    [InlineData(255UL, new byte[] { 0x0a, 0xff })]
    [InlineData(256UL, new byte[] { 0x0b, 0x00, 0x01 })]
    [InlineData(0x1_0000UL, new byte[] { 0x0c, 0x00, 0x00, 0x01, 0x00 })]
    [InlineData(0x1_0000_0000UL, new byte[] { 0x0e, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00 })]
    public void Integers_take_the_shortest_form(ulong value, byte[] expected) => Assert.Equal(expected, AmlTerm.Integer(value).Bytes);
}
