using FsCheck;
using FsCheck.Fluent;

namespace Makatea.Platform.Tests;

/// <summary>The allocator against a model that has a bit for each address: 0 free, 1 taken, 2 not to be given.</summary>
[Trait("Category", "Long")]
public sealed class IovaAllocatorProperties
{
    private const int Addresses = 64;

    /// <summary>Where the model's address 0 is: below, and at the very top.</summary>
    public static TheoryData<ulong> Bases => [0ul, 0x1000ul, ulong.MaxValue - Addresses + 1];

    [Theory]
    [MemberData(nameof(Bases))]
    public void Every_sequence_of_calls_has_the_outcome_of_the_model(ulong start) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(Scripts().ToArbitrary(), script => Run(start, script)));

    private static void Run(ulong start, Script script)
    {
        int[] model = [.. Enumerable.Repeat(2, Addresses)];
        foreach ((int first, int length) in script.Ranges)
        {
            model.AsSpan(first, length).Clear();
        }

        IovaAllocator allocator = new(RangesOf(model, start));
        foreach (Step step in script.Steps)
        {
            int at = step.Address;
            switch (step.Kind)
            {
                case 0:
                    at = Enumerable.Range(0, Addresses).FirstOrDefault(a => (start + (ulong)a) % (ulong)step.Alignment == 0 && Is(model, a, step.Length, 0), -1);
                    Assert.Equal(at >= 0, allocator.TryAllocate((ulong)step.Length, (ulong)step.Alignment, out ulong iova));
                    Assert.Equal(at >= 0 ? start + (ulong)at : 0, iova);
                    Fill(model, at, step.Length, 1);
                    break;
                case 1:
                    bool free = Is(model, at, step.Length, 0);
                    Assert.Equal(free, allocator.TryReserve(start + (ulong)at, (ulong)step.Length));
                    Fill(model, free ? at : -1, step.Length, 1);
                    break;
                default:
                    bool taken = Is(model, at, step.Length, 1);
                    Assert.Equal(taken, Record.Exception(() => allocator.Free(start + (ulong)at, (ulong)step.Length)) is not ArgumentException);
                    Fill(model, taken ? at : -1, step.Length, 0);
                    break;
            }
        }

        // What is free now is exactly what the model says, in as few pieces.
        foreach ((ulong first, ulong last) in RangesOf(model, start))
        {
            Assert.True(allocator.TryReserve(first, last - first + 1));
        }

        Assert.False(allocator.TryAllocate(1, 1, out _));
    }

    private static bool Is(int[] model, int address, int length, int state) =>
        length <= Addresses - address && model.AsSpan(address, length).IndexOfAnyExcept(state) < 0;

    private static void Fill(int[] model, int address, int length, int state)
    {
        if (address >= 0)
        {
            model.AsSpan(address, length).Fill(state);
        }
    }

    private static IEnumerable<(ulong First, ulong Last)> RangesOf(int[] model, ulong start)
    {
        for (int first = 0; first < Addresses; first++)
        {
            int length = model.AsSpan(first).IndexOfAnyExcept(0) is var end and >= 0 ? end : Addresses - first;
            if (length > 0)
            {
                yield return (start + (ulong)first, start + (ulong)(first + length - 1));
                first += length;
            }
        }
    }

    private static Gen<Script> Scripts() =>
        from ranges in Gen.Choose(0, Addresses - 1).SelectMany(first => Gen.Choose(1, Addresses - first).Select(length => (first, length))).ListOf(3)
        from steps in Steps().ListOf(40)
        select new Script([.. ranges], [.. steps]);

    private static Gen<Step> Steps() =>
        from kind in Gen.Choose(0, 2)
        from address in Gen.Choose(0, Addresses - 1)
        from length in Gen.Frequency((8, Gen.Choose(1, 8)), (1, Gen.Choose(1, Addresses + 1)))
        from shift in Gen.Choose(0, 4)
        select new Step(kind, address, length, 1 << shift);

    private sealed record Script((int First, int Length)[] Ranges, Step[] Steps)
    {
        public override string ToString() => $"{string.Join(' ', Ranges)}: {string.Join<Step>(' ', Steps)}";
    }

    /// <summary>0 allocates, 1 reserves, 2 frees.</summary>
    private readonly record struct Step(int Kind, int Address, int Length, int Alignment);
}
