namespace Makatea.NetStack.Tests;

public sealed class FlowKeyHashTests
{
    /// <summary>As CPython 3.11, which uses SipHash-1-3, hashes these words with the key 0.</summary>
    [Theory]
    [InlineData(new ulong[] { 1 }, 0x1e9f734161d62dd9)]
    [InlineData(new ulong[] { 0x0123456789abcdef, 0xfedcba9876543210 }, 0x26a9fe81d3b46069)]
    [InlineData(new ulong[] { 1, 2, 3, 4, 5 }, 0x0ac1337336f43ed3)]
    public void SipHash_is_that_of_others(ulong[] words, ulong expected)
    {
        var hash = new SipHash(0);
        foreach (ulong word in words)
        {
            hash.Add(word);
        }

        Assert.Equal(expected, hash.Finish());
    }

    [Fact]
    public void Every_part_of_a_flow_and_the_key_count()
    {
        var hash = new FlowKeyHash(((UInt128)0x0123456789abcdef << 64) | 0x1032547698badcfe);
        foreach (IpAddress one in new[] { IpAddress.FromIPv4(0x0a890005), new((UInt128)0xfd09 << 112) })
        {
            var two = new IpAddress(one.Value + 1);
            var flow = new FlowKey(one, two, 1000, 2000, 6);
            FlowKey[] others =
            [
                flow with { Source = two }, flow with { Destination = one }, flow with { SourcePort = 1001 }, flow with { DestinationPort = 2001 }, flow with { Protocol = 17 }, flow.Reversed,
            ];
            Assert.Equal(flow, flow.Reversed.Reversed);
            Assert.Equal(hash.Of(flow), hash.Of(flow with { }));
            Assert.All(others, other => Assert.NotEqual(flow, other));
            Assert.All(others, other => Assert.NotEqual(hash.Of(flow), hash.Of(other)));
            Assert.NotEqual(hash.Of(flow), new FlowKeyHash(1).Of(flow));
        }
    }

    /// <summary>A guest that chooses ports such that an unkeyed sum of them stays the same gets no crowded bucket.</summary>
    [Fact]
    public void Chosen_ports_spread()
    {
        const int Buckets = 256;
        const int Flows = 60000;
        var hash = new FlowKeyHash(0x5eed);
        int[] counts = new int[Buckets];
        for (int i = 0; i < Flows; i++)
        {
            counts[hash.Of(new(IpAddress.FromIPv4(1), IpAddress.FromIPv4(2), (ushort)(1 + i), (ushort)(65535 - i), 17)) % Buckets]++;
        }

        // 234 on average, standard deviation 15: seven of them either way.
        Assert.All(counts, count => Assert.InRange(count, 127, 341));
    }
}
