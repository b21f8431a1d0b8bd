using System.Buffers.Binary;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Lists of capabilities in what the kernel returns.</summary>
public sealed class VfioCapabilitiesTests
{
    [Fact]
    public void Finds_what_follows_a_header()
    {
        byte[] info = new byte[64];
        Header(info, 24, 3, 40);
        Header(info, 40, 1, 0);
        info[48] = 0x5a;
        ReadOnlySpan<byte> found = VfioCapabilities.Find(info, 24, 1);
        Assert.Equal(16, found.Length);
        Assert.Equal(0x5a, found[0]);
        Assert.True(VfioCapabilities.Find(info, 24, 2).IsEmpty);
        Assert.True(VfioCapabilities.Find(info, 0, 1).IsEmpty);
    }

    [Theory]
    [InlineData(16u)] // itself
    [InlineData(60u)] // a header that would run over the end
    [InlineData(0xffff_fff0u)]
    public void A_list_that_does_not_end_ends(uint next)
    {
        byte[] info = new byte[64];
        Header(info, 16, 7, next);
        Assert.True(VfioCapabilities.Find(info, 16, 1).IsEmpty);
    }

    [Fact]
    public void Reads_ranges_and_no_more_than_there_are()
    {
        byte[] capability = new byte[8 + (2 * 16)];
        BinaryPrimitives.WriteUInt32LittleEndian(capability, 1000);
        BinaryPrimitives.WriteUInt64LittleEndian(capability.AsSpan(16), 0xfedf_ffff);
        BinaryPrimitives.WriteUInt64LittleEndian(capability.AsSpan(24), 0xfef0_0000);
        BinaryPrimitives.WriteUInt64LittleEndian(capability.AsSpan(32), 0x7f_ffff_ffff);
        Assert.Equal([(0ul, 0xfedf_fffful), (0xfef0_0000ul, 0x7f_ffff_fffful)], VfioCapabilities.IovaRanges(capability));
        Assert.Empty(VfioCapabilities.IovaRanges([1, 0, 0, 0]));
        Assert.Empty(VfioCapabilities.IovaRanges([]));
    }

    private static void Header(byte[] info, int at, ushort id, uint next)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(info.AsSpan(at), id);
        BinaryPrimitives.WriteUInt32LittleEndian(info.AsSpan(at + 4), next);
    }
}
