using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace Makatea.Platform.Tests;

/// <summary>Translation against a model that cannot wrap: numbers of any size.</summary>
public sealed class GuestMemoryProperties : IDisposable
{
    private const int MappingLength = 0x10000;
    private readonly LocalMemory _mapping = new(MappingLength);

    public void Dispose() => _mapping.Dispose();

    [Fact]
    public void Translation_is_what_arithmetic_without_wrapping_says() => Holds(query =>
    {
        GuestMemory? memory = TryCreate(query.Regions);
        Assert.Equal(query.Regions.All(IsPossible) && !Overlap(query.Regions), memory is not null);
        if (memory is null)
        {
            return;
        }

        GuestMemoryRegion? region = query.Regions.FirstOrDefault(r => Contains(r, query.Address, query.Length));
        bool found = memory.TryTranslate(query.Address, query.Length, query.Access, out MemorySegment segment);
        Assert.Equal(region is not null && (region.Access & query.Access) == query.Access, found);
        if (found)
        {
            Assert.Equal(_mapping.Slice(region!.Offset + (query.Address - region.GuestAddress), query.Length), segment);
        }
        else
        {
            Assert.Equal(default, segment);
        }
    });

    [Fact]
    public void Whatever_is_translated_by_user_address_lies_inside_the_mapping() => Holds(query =>
    {
        if (TryCreate(query.Regions) is { } memory && memory.TryTranslateUser(query.Address, query.Length, out MemorySegment segment))
        {
            Assert.Equal(query.Length, segment.Length);
            Assert.InRange(segment.Address, _mapping.Address, _mapping.Address + MappingLength - segment.Length);
        }
    });

    private static GuestMemory? TryCreate(GuestMemoryRegion[] regions)
    {
        try
        {
            return new GuestMemory(regions);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static bool Contains(GuestMemoryRegion region, ulong address, int length) =>
        length >= 0 && address >= region.GuestAddress
        && (BigInteger)address < (BigInteger)region.GuestAddress + region.Length
        && (BigInteger)address + length <= (BigInteger)region.GuestAddress + region.Length;

    private static bool IsPossible(GuestMemoryRegion r) =>
        r.Length > 0
        && (BigInteger)r.GuestAddress + r.Length <= BigInteger.One << 64
        && (BigInteger)r.UserAddress + r.Length <= BigInteger.One << 64
        && (BigInteger)r.Offset + r.Length <= MappingLength;

    private static bool Overlap(GuestMemoryRegion[] regions) => regions.Any(a => regions.Any(b =>
        !ReferenceEquals(a, b)
        && (BigInteger)a.GuestAddress < (BigInteger)b.GuestAddress + b.Length
        && (BigInteger)b.GuestAddress < (BigInteger)a.GuestAddress + a.Length));

    private void Holds(Action<Query> check) => Check.One(Config.QuickThrowOnFailure.WithMaxTest(4000), Prop.ForAll(Arb.From(Queries()), check));

    // One to three regions, most of which fit, and an access near the edge of one of them.
    private Gen<Query> Queries() =>
        from count in Gen.Choose(1, 3)
        from regions in Gen.ArrayOf(Region(), count)
        from index in Gen.Choose(0, count - 1)
        from atEnd in Gen.Elements(true, false)
        from byUser in Gen.Elements(true, false)
        from delta in Gen.Choose(-3, 3)
        from length in Gen.OneOf(Gen.Choose(-1, 8), Gen.Choose(0, 0x2000), Gen.Choose(int.MaxValue - 2, int.MaxValue))
        from access in Gen.Elements(MemoryAccess.None, MemoryAccess.Read, MemoryAccess.Write, MemoryAccess.ReadWrite)
        let near = regions[index]
        let start = byUser ? near.UserAddress : near.GuestAddress
        select new Query(regions, start + (atEnd ? near.Length : 0) + (ulong)(long)delta, length, access);

    private Gen<GuestMemoryRegion> Region() =>
        from guest in Address()
        from user in Address()
        from length in Gen.Frequency((8, Gen.Choose(0, 0x1800)), (1, Gen.Choose(MappingLength, MappingLength + 1)))
        from offset in Gen.Frequency((8, Gen.Choose(0, MappingLength - 0x1800)), (1, Gen.Choose(0, MappingLength + 1)))
        from access in Gen.Elements(MemoryAccess.Read, MemoryAccess.Write, MemoryAccess.ReadWrite)
        select new GuestMemoryRegion(guest, user, (ulong)length, _mapping, (ulong)offset, access);

    private static Gen<ulong> Address() => Gen.OneOf(
        Gen.Choose(0, 64).Select(page => (ulong)page * 0x1000),
        Gen.Choose(0, 0x4000).Select(n => (ulong)n),
        Gen.Choose(0, 0x4000).Select(n => ulong.MaxValue - (ulong)n));

    private sealed record Query(GuestMemoryRegion[] Regions, ulong Address, int Length, MemoryAccess Access);
}
