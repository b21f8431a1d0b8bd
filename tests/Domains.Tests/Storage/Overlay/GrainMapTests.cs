using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

public sealed class GrainMapTests
{
    private const int Grains = 300;

    [Fact]
    public void Runs_and_ranges_match_a_model()
    {
        using var bits = new NativeArray<ulong>(8);
        var map = new GrainMap(bits.AsSegment());
        bool[] model = new bool[Grains];
        var random = new Random(1);
        for (int i = 0; i < 20_000; i++)
        {
            int first = random.Next(Grains);
            int count = random.Next(1, Math.Min(Grains - first, random.Next(1, 200)) + 1);
            Span<bool> range = model.AsSpan(first, count);
            switch (random.Next(4))
            {
                case 0:
                    map.Add(first, count);
                    range.Fill(true);
                    break;
                case 1:
                    map.Remove(first, count);
                    range.Clear();
                    break;
                case 2:
                    int free = range.IndexOf(true) is var taken and >= 0 ? taken : count;
                    Assert.Equal(free, map.TryAdd(first, count));
                    range[..free].Fill(true);
                    break;
                default:
                    long run = map.Run(first, count, out bool contained);
                    Assert.Equal(model[first], contained);
                    Assert.Equal(range.IndexOf(!contained) is var end and >= 0 ? end : count, run);
                    break;
            }

            Assert.Equal(model[first], map.Contains(first));
        }

        for (int grain = 0; grain < Grains; grain++)
        {
            Assert.Equal(model[grain], map.Contains(grain));
        }
    }

    [Fact]
    public void A_grain_is_added_by_one_of_several_threads_at_a_time()
    {
        using var bits = new NativeArray<ulong>(4);
        var map = new GrainMap(bits.AsSegment());
        int[] owners = new int[200];
        int collisions = 0;
        Thread[] threads = [.. Enumerable.Range(1, 3).Select(id => new Thread(() =>
        {
            var random = new Random(id);
            for (int i = 0; i < 100_000; i++)
            {
                int first = random.Next(150);
                int added = (int)map.TryAdd(first, random.Next(1, 50));
                for (int grain = first; grain < first + added; grain++)
                {
                    if (Interlocked.Exchange(ref owners[grain], id) != 0)
                    {
                        Interlocked.Increment(ref collisions);
                    }
                }

                owners.AsSpan(first, added).Clear();
                map.Remove(first, added);
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Assert.Equal(0, collisions);
        Assert.Equal(200, map.Run(0, 200, out bool contained));
        Assert.False(contained);
    }
}
