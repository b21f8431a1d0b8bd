using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace Makatea.Platform.Tests;

/// <summary>Translation against arithmetic that cannot wrap: numbers of any size.</summary>
public sealed class DmaSpaceProperties
{
    private const ulong Page = 4096;

    [Fact]
    public void Translation_is_what_arithmetic_without_wrapping_says() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(5000), Prop.ForAll(Queries().ToArbitrary(), query =>
        {
            using FakeSpace space = new();
            foreach ((ulong address, ulong length) in query.Mappings)
            {
                // Those that overlap are refused and left out.
                _ = Record.Exception(() => space.Map((nint)address, length));
            }

            DmaMapping? expected = space.Mappings.FirstOrDefault(m =>
                query.Address >= (ulong)m.Address && (BigInteger)query.Address + query.Length <= (BigInteger)(ulong)m.Address + m.Length);
            int hint = query.Hint;
            bool found = space.TryTranslate((nint)query.Address, query.Length, ref hint, out ulong iova);
            Assert.Equal(expected is not null, found);
            if (expected is not null)
            {
                Assert.Equal(expected.Iova + (query.Address - (ulong)expected.Address), iova);
                Assert.Same(expected, space.Mappings[hint]);
            }
        }));

    private static Gen<Query> Queries() =>
        from mappings in Mappings().ListOf(6)
        from near in Gen.Elements(mappings.Select(m => m.Address).Append(0ul).Concat(mappings.Select(m => m.Address + m.Length)))
        from delta in Gen.Choose(-5000, 5000)
        from length in Gen.Frequency((4, Gen.Choose(1, 9000)), (1, Gen.Elements(1, int.MaxValue)))
        from hint in Gen.Frequency((4, Gen.Choose(-1, 6)), (1, Gen.Elements(int.MinValue, int.MaxValue)))
        select new Query([.. mappings], near + (ulong)delta, length, hint);

    /// <summary>Whole pages, crowded at the bottom and at the two ends of the halves of the address space.</summary>
    private static Gen<(ulong Address, ulong Length)> Mappings() =>
        from start in Gen.Elements(0ul, 0x7fff_ffff_0000ul, 0x8000_0000_0000_0000, 0xffff_ffff_fff0_0000)
        from page in Gen.Choose(0, 30)
        from pages in Gen.Choose(1, 8)
        select (start + ((ulong)page * Page), (ulong)pages * Page);

    private sealed record Query((ulong Address, ulong Length)[] Mappings, ulong Address, int Length, int Hint)
    {
        public override string ToString() => $"{string.Join(' ', Mappings.Select(m => $"{m.Address:x}+{m.Length:x}"))}: {Length} at {Address:x}, hint {Hint}";
    }
}
