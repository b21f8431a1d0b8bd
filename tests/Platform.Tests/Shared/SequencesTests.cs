namespace Makatea.Platform.Tests.Shared;

/// <summary>Our operators do what LINQ's do.</summary>
public sealed class SequencesTests
{
    public static TheoryData<int[]> Lists => [[], [5], [3, 1, 2], [2, 2, 1, 3, 1, 9, 0, 2]];

    [Theory]
    [MemberData(nameof(Lists))]
    public void They_yield_the_same(int[] list)
    {
        Assert.Equal(Enumerable.Select(list, i => i * 2L), Sequences.Select(list, i => i * 2L));
        Assert.Equal(Enumerable.Select(list, (i, at) => (i, at)), Sequences.Select(list, (i, at) => (i, at)));
        Assert.Equal(Enumerable.SelectMany(list, i => new int[i]), Sequences.SelectMany(list, i => new int[i]));
        Assert.Equal(Enumerable.Where(list, i => i > 1), Sequences.Where(list, i => i > 1));
        Assert.Equal(Enumerable.Append(list, 7), Sequences.Append(list, 7));
        Assert.Equal(Enumerable.Prepend(list, 7), Sequences.Prepend(list, 7));
        Assert.Equal(Enumerable.Concat(list, list), Sequences.Concat(list, list));
        Assert.Equal(Enumerable.ToArray(list), Sequences.ToArray(list));
        Assert.Equal(Enumerable.ToList(list), Sequences.ToList(list));
        foreach (int count in new[] { -1, 0, 1, 3, 100 })
        {
            Assert.Equal(Enumerable.Take(list, count), Sequences.Take(list, count));
            Assert.Equal(Enumerable.Skip(list, count), Sequences.Skip(list, count));
        }
    }

    [Theory]
    [MemberData(nameof(Lists))]
    public void They_find_the_same(int[] list)
    {
        Assert.Equal(Enumerable.Any(list, i => i == 1), Sequences.Any(list, i => i == 1));
        Assert.Equal(Enumerable.All(list, i => i > 0), Sequences.All(list, i => i > 0));
        Assert.Equal(Enumerable.FirstOrDefault(list), Sequences.FirstOrDefault(list));
        Assert.Equal(Enumerable.FirstOrDefault(list, i => i > 2), Sequences.FirstOrDefault(list, i => i > 2));
        Assert.Equal(Enumerable.Sum(list, i => i), Sequences.Sum(list, i => i));
        Assert.Equal(Enumerable.Sum(list, i => (long)i), Sequences.Sum(list, i => (long)i));
        Assert.Equal(Enumerable.Aggregate(list, "", (text, i) => text + i), Sequences.Aggregate(list, "", (text, i) => text + i));
    }

    [Fact]
    public void What_is_equal_stays_in_its_order()
    {
        (int Key, int Place)[] items = [.. Enumerable.Range(0, 1000).Select(i => (i * 7919 % 10, i))];
        Assert.Equal(Enumerable.OrderBy(items, i => i.Key), Sequences.OrderBy(items, i => i.Key));
    }

    [Fact]
    public void Nothing_is_done_before_it_is_asked_for_nor_more_than_is()
    {
        int asked = 0;
        IEnumerable<int> sequence = Sequences.Take(Sequences.Select(Enumerable.Range(0, 10), i => ++asked), 3);
        Assert.Equal(0, asked);
        Assert.Equal([1, 2, 3], sequence);
        Assert.Equal(3, asked);
    }

    [Fact]
    public void Sums_that_overflow_are_refused() => Assert.Throws<OverflowException>(() => Sequences.Sum([int.MaxValue, 1], i => i));
}
