namespace Makatea.NetStack.Tests;

public sealed class DnsMessageTests
{
    // A query for A of example.org, with an OPT record.
    private static readonly byte[] _query =
    [
        0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1, 7, (byte)'e', (byte)'x', (byte)'a', (byte)'m', (byte)'p', (byte)'l', (byte)'e', 3, (byte)'o', (byte)'r', (byte)'g', 0, 0, 1, 0, 1,
        0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0,
    ];

    [Fact]
    public void AQueryIsReadAndWritten()
    {
        Assert.True(DnsReader.TryRead(_query, out DnsMessage message));
        Assert.Equal(("example.org", DnsType.A, (ushort)0x1234), (message.Question.Name.ToString(), message.Question.Type, message.Id));
        Assert.Equal(new DnsExtension(1232, 0, true, 0), message.Extension);
        byte[] written = new byte[512];
        Assert.Equal(_query, written[..DnsWriter.Write(message, written)]);
    }

    [Fact]
    public void EveryPrefixOfAMessageIsRefused()
    {
        for (int length = 0; length < _query.Length; length++)
        {
            Assert.False(DnsReader.TryRead(_query.AsSpan(0, length), out _));
        }
    }

    /// <summary>[RFC 1035] 4.1.4, in an answer whose data hold compressed names.</summary>
    [Fact]
    public void CompressedNamesAreWrittenOut()
    {
        byte[] message = [.. _query[..29], 0xc0, 12, 0, 15, 0, 1, 0, 0, 0, 60, 0, 7, 0, 10, 2, (byte)'m', (byte)'x', 0xc0, 12];
        message[7] = 1;
        message[11] = 0;
        Assert.True(DnsReader.TryRead(message, out DnsMessage read));
        DnsRecord record = read.Answers.Single();
        Assert.Equal("example.org", record.Owner.ToString());
        Assert.Equal("mx.example.org", new DnsName(record.Data.AsSpan(2)).ToString());
    }

    [Theory]
    [InlineData(0xc0, 12)] // to itself
    [InlineData(0xc0, 13)]
    [InlineData(0xc0, 40)] // forward
    [InlineData(0xff, 0xff)] // beyond
    [InlineData(0x40, 0)] // no kind of label
    [InlineData(0x80, 0)]
    public void NamesThatDoNotEndAreRefused(byte first, byte second)
    {
        byte[] message = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, first, second, 0, 1, 0, 1, .. new byte[40]];
        Assert.False(DnsReader.TryRead(message, out _));
    }

    [Fact]
    public void TwoPointersThatLeadToEachOtherAreRefused()
    {
        byte[] message = [0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, /* 17: owner */ 1, (byte)'a', 0xc0, 17, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4];
        Assert.False(DnsReader.TryRead(message, out _));
    }

    [Fact]
    public void NamesAreNoLongerThan255()
    {
        byte[] label = [63, .. Enumerable.Repeat((byte)'a', 63)];
        byte[] head = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        byte[] longest = [.. label, .. label, .. label, 61, .. Enumerable.Repeat((byte)'a', 61), 0];
        byte[] tooLong = [.. label, .. label, .. label, 62, .. Enumerable.Repeat((byte)'a', 62), 0];
        Assert.True(DnsReader.TryRead([.. head, .. longest, 0, 1, 0, 1], out _));
        Assert.False(DnsReader.TryRead([.. head, .. tooLong, 0, 1, 0, 1], out _));
    }

    [Fact]
    public void WhatDoesNotFitIsTruncated()
    {
        DnsReader.TryRead(_query, out DnsMessage query);
        var answer = new DnsAnswer { Answers = [.. Enumerable.Range(0, 100).Select(i => new DnsRecord(query.Question.Name, DnsType.A, 1, 60, [10, 0, 0, (byte)i]))] };
        byte[] buffer = new byte[512];
        int length = DnsWriter.Write(DnsForwarder.Response(query, answer), buffer);
        Assert.True(DnsReader.TryRead(buffer.AsSpan(0, length), out DnsMessage response));
        Assert.True(response.Flags.HasFlag(DnsFlags.Truncated));
        Assert.Empty(response.Answers);
        Assert.NotNull(response.Extension);
        byte[] large = new byte[4096];
        Assert.True(DnsReader.TryRead(large.AsSpan(0, DnsWriter.Write(DnsForwarder.Response(query, answer), large)), out response));
        Assert.Equal(100, response.Answers.Count);
        Assert.False(response.Flags.HasFlag(DnsFlags.Truncated));
    }

    [Theory]
    [InlineData("example.org", true)]
    [InlineData("example.org.", true)]
    [InlineData("_dmarc.a-b.org", true)]
    [InlineData("", false)]
    [InlineData(".", false)]
    [InlineData("a..b", false)]
    [InlineData("a b", false)]
    [InlineData("ä.org", false)]
    [InlineData("*.org", false)]
    public void NamesAreParsed(string text, bool isName) => Assert.Equal(isName, DnsName.TryParse(text, out _));

    [Fact]
    public void NamesAreComparedWithoutCase()
    {
        DnsName name = Parse("WWW.Example.ORG");
        Assert.Equal(Parse("www.example.org"), name);
        Assert.Equal(Parse("www.example.org").GetHashCode(), name.GetHashCode());
        Assert.True(name.IsAtOrBelow(Parse("example.org")));
        Assert.True(name.IsAtOrBelow(name));
        Assert.True(name.IsAtOrBelow(DnsName.Root));
        Assert.False(name.IsAtOrBelow(Parse("ple.org")));
        Assert.False(Parse("example.org").IsAtOrBelow(name));
        Assert.False(name.IsIdentical(Parse("www.example.org")));
        DnsName other = name.WithRandomCase(new(7));
        Assert.Equal(name, other);
        Assert.False(name.IsIdentical(other));
    }

    internal static DnsName Parse(string text) => DnsName.TryParse(text, out DnsName name) ? name : throw new FormatException(text);
}
