using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using Makatea.Tests.Traffic;

namespace Makatea.NetStack.Tests;

public sealed class ChecksumTests
{
    [Fact]
    public void Sums_as_the_example_of_RFC_1071() =>
        Assert.Equal(0xddf2, Checksum.Fold(Checksum.Add([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])));

    [Fact]
    public void Sums_as_the_plain_way_does() => Prop.ForAll((byte[] bytes, byte repeat) =>
    {
        byte[] all = [.. Enumerable.Repeat(bytes, repeat).SelectMany(b => b)];
        return Checksum.Fold(Checksum.Add(all)) == InternetChecksum.Sum(all);
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(0xff)]
    [InlineData(0x00)]
    public void Sums_the_longest_packet_of_the_largest_words(byte value)
    {
        byte[] bytes = [.. Enumerable.Repeat(value, 65_535)];
        Assert.Equal(InternetChecksum.Sum(bytes), Checksum.Fold(Checksum.Add(bytes)));
    }

    [Fact]
    public void Pieces_sum_to_the_whole_wherever_it_is_cut() => Prop.ForAll((byte[] bytes, PositiveInt at) =>
    {
        int cut = at.Get % (bytes.Length + 1);
        ulong first = Checksum.Add(bytes.AsSpan(0, cut));
        ulong whole = cut % 2 == 0 ? Checksum.Add(bytes.AsSpan(cut), first) : Checksum.AddOdd(Checksum.Add(bytes.AsSpan(cut)), first);
        return Checksum.Fold(whole) == Checksum.Fold(Checksum.Add(bytes));
    }).QuickCheckThrowOnFailure();

    /// <summary>[RFC 1624] 4: the equation of RFC 1141 gives 0xffff here, which is no checksum that summing anew gives.</summary>
    [Fact]
    public void Updates_as_the_example_of_RFC_1624()
    {
        byte[] field = [0xdd, 0x2f];
        Checksum.Update(field, 0x5555, 0x3285);
        Assert.Equal([0x00, 0x00], field);
    }

    [Fact]
    public void An_update_gives_what_summing_anew_gives() => Prop.ForAll((byte[] body, ushort value, byte place) =>
    {
        // As in a header, something in it is not zero.
        byte[] bytes = [0x45, 0x00, .. body, .. new byte[4]];
        bytes = bytes[..(bytes.Length & ~1)];
        int at = 2 + (2 * (place % ((bytes.Length - 2) / 2)));
        Span<byte> field = stackalloc byte[2];
        Checksum.Write(field, Checksum.Add(bytes));
        ushort old = BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), value);
        Checksum.Update(field, old, value);
        return BinaryPrimitives.ReadUInt16BigEndian(field) == (ushort)~InternetChecksum.Sum(bytes);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Addresses_update_checksums_of_what_they_are_the_pseudo_header_of() => Prop.ForAll((uint from, uint to, byte[] body) =>
    {
        byte[] udp = [0x12, 0x34, 0, 53, 0, (byte)Math.Min(8 + body.Length, 255), 0, 0, .. body];
        var old = IpAddress.FromIPv4(from);
        var changed = IpAddress.FromIPv4(to);
        var peer = IpAddress.FromIPv4(0x01020304);
        Checksum.WriteUdp(udp.AsSpan(6), Checksum.Add(udp, Checksum.PseudoHeader(old, peer, 17, udp.Length)));
        Span<byte> bytes = stackalloc byte[8];
        old.Write(bytes);
        changed.Write(bytes[4..]);
        Checksum.UpdateUdp(udp.AsSpan(6), Checksum.Difference(bytes[..4], bytes[4..]));
        return Checksum.IsRight(udp, Checksum.PseudoHeader(changed, peer, 17, udp.Length)) && (udp[6] | udp[7]) != 0;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Partial_sums_update_too()
    {
        byte[] field = new byte[2];
        var a = IpAddress.FromIPv4(0x0a890005);
        var b = IpAddress.FromIPv4(0xc0a80102);
        var peer = IpAddress.FromIPv4(0x08080808);
        BinaryPrimitives.WriteUInt16BigEndian(field, Checksum.Fold(Checksum.PseudoHeader(a, peer, 6, 1000)));
        Span<byte> bytes = stackalloc byte[8];
        a.Write(bytes);
        b.Write(bytes[4..]);
        Checksum.UpdatePartial(field, Checksum.Difference(bytes[..4], bytes[4..]));
        Assert.Equal(Checksum.Fold(Checksum.PseudoHeader(b, peer, 6, 1000)), BinaryPrimitives.ReadUInt16BigEndian(field));
    }

    [Fact]
    public void The_pseudo_header_of_IPv6_has_a_length_of_32_bits()
    {
        Assert.True(IpAddress.TryParse("fd09::1", out IpAddress a));
        Assert.True(IpAddress.TryParse("2001:db8::2", out IpAddress b));
        byte[] header = new byte[40];
        a.Write(header);
        b.Write(header.AsSpan(16));
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(32), 70_000);
        header[39] = 17;
        Assert.Equal(InternetChecksum.Sum(header), Checksum.Fold(Checksum.PseudoHeader(a, b, 17, 70_000)));
    }
}
