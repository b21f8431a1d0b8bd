using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

public sealed class ScatterCursorTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Pieces_in_order_cover_the_list_whole_units_at_a_time(int seed)
    {
        var random = new Random(seed);
        using var bytes = new NativeArray<byte>(64 * 1024);
        using var segments = new NativeArray<MemorySegment>(256);
        using var entries = new NativeArray<MemorySegment>(16);
        for (int round = 0; round < 500; round++)
        {
            int total = 512 * random.Next(1, 100);
            int count = 0;
            for (int offset = 0; offset < total;)
            {
                int length = count == 255 ? total - offset : Math.Min(total - offset, random.Next(0, random.Next(1, 3000)));
                segments[count++] = bytes.AsSegment(offset, length);
                offset += length;
            }

            ScatterList list = ScatterList.Of(segments, 0, count);
            var cursor = default(ScatterCursor);
            nint next = bytes.AsSegment().Address;
            for (long left = total; left > 0;)
            {
                long wanted = Math.Min(left, 512 * random.Next(1, 40));
                long taken = cursor.Take(list, wanted, 512, entries, 8, 8, out ScatterList piece);
                Assert.True(taken == wanted || taken % 512 == 0);
                Assert.InRange(piece.Count, 0, 8);
                Assert.Equal(taken, piece.TotalLength());
                foreach (MemorySegment segment in piece.AsSpan())
                {
                    Assert.True(segment.Length == 0 || segment.Address == next);
                    next += segment.Length;
                }

                if (taken == 0)
                {
                    taken = 512;
                    cursor.Skip(list, taken);
                    next += 512;
                }

                left -= taken;
            }
        }
    }
}
