using System.Buffers.Binary;
using System.Text;

namespace Makatea.Platform.Tests;

public sealed class AcpiTableTests
{
    [Fact]
    public void A_sound_table_is_read()
    {
        var table = AcpiTable.Parse(Make("DMAR", [1, 2, 3], revision: 2));
        Assert.Equal("DMAR", table.Signature);
        Assert.Equal(2, table.Revision);
        Assert.Equal([1, 2, 3], table.Body.ToArray());
        Assert.Equal(39, table.Bytes.Length);
    }

    [Fact]
    public void What_follows_the_length_is_left_out()
    {
        byte[] bytes = [.. Make("DMAR", [1, 2, 3]), 0xff, 0xff];
        Assert.Equal([1, 2, 3], AcpiTable.Parse(bytes).Body.ToArray());
    }

    [Fact]
    public void A_header_alone_is_a_table() => Assert.True(AcpiTable.Parse(Make("DMAR", [])).Body.IsEmpty);

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(35)]
    public void A_table_shorter_than_its_header_is_refused(int length) =>
        AssertBroken($"{length} bytes is shorter", Make("DMAR", [])[..length]);

    [Theory]
    [InlineData(0u)]
    [InlineData(35u)]
    [InlineData(41u)]
    [InlineData(0x80000000u)]
    [InlineData(uint.MaxValue)]
    public void A_length_that_cannot_be_is_refused(uint length)
    {
        byte[] bytes = Make("DMAR", [0, 0, 0, 0]);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), length);
        AssertBroken($"has {length} bytes; 36 to 40 are possible", bytes);
    }

    [Fact]
    public void A_change_of_any_byte_is_noticed()
    {
        byte[] sound = Make("DMAR", [1, 2, 3]);
        for (int i = 8; i < sound.Length; i++)
        {
            byte[] broken = [.. sound];
            broken[i] ^= 0x10;
            AssertBroken("add up to", broken);
        }
    }

    [Fact]
    public void The_first_table_with_the_signature_is_found_whatever_the_others_are()
    {
        ReadOnlyMemory<byte>[] tables = [default, new byte[3], new byte[] { 1, 2, 3, 4, 5 }, Make("MCFG", [7]), Make("DMAR", [8]), Make("DMAR", [9])];
        Assert.Equal([8], AcpiTable.Find(tables, "DMAR")!.Body.ToArray());
        Assert.Equal([7], AcpiTable.Find(tables, "MCFG")!.Body.ToArray());
        Assert.Null(AcpiTable.Find(tables, "IVRS"));
    }

    [Fact]
    public void A_table_that_is_there_and_broken_is_not_passed_over()
    {
        byte[] broken = Make("DMAR", [1]);
        broken[^1]++;
        Assert.Throws<InvalidDataException>(() => AcpiTable.Find([broken, Make("DMAR", [2])], "DMAR"));
    }

    private static void AssertBroken(string message, byte[] bytes) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => AcpiTable.Parse(bytes)).Message);

    private static byte[] Make(string signature, byte[] body, byte revision = 1)
    {
        byte[] bytes = [.. Encoding.ASCII.GetBytes(signature), .. new byte[AcpiTable.HeaderLength - 4], .. body];
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), bytes.Length);
        bytes[8] = revision;
        bytes[9] = (byte)-bytes.Sum(b => b);
        return bytes;
    }
}
