using System.Buffers.Binary;
using Makatea.Sel4.Image;

namespace Makatea.Sel4.Tests.Modules;

/// <summary>Breaks a file in many ways; whoever reads it may refuse it, in words, and do nothing worse.</summary>
internal static class Mutations
{
    private const int Rounds = 20_000;

    private static readonly ulong[] _awkward = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, long.MaxValue, 1ul << 63, ulong.MaxValue, ulong.MaxValue - 55, ulong.MaxValue - 7];

    /// <summary>Writes awkward numbers over the first bytes, and cuts the file off.</summary>
    public static void Run(byte[] file, int first, Action<byte[]> read)
    {
        read(file);
        int refused = 0;
        for (int round = 0; round < Rounds; round++)
        {
            var random = new Random(round);
            byte[] broken = [.. file];
            for (int i = random.Next(1, 3); i > 0; i--)
            {
                Break(broken, random.Next(first), random);
            }

            broken = random.Next(8) == 0 ? broken[..random.Next(broken.Length)] : broken;
            try
            {
                read(broken);
            }
            catch (ImageException)
            {
                refused++;
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"round {round}: {e.Message}", e);
            }
        }

        Assert.InRange(refused, Rounds / 20, Rounds);
    }

    private static void Break(byte[] file, int at, Random random)
    {
        ulong value = random.Next(3) switch
        {
            0 => _awkward[random.Next(_awkward.Length)],
            1 => (ulong)random.NextInt64(file.Length * 2),
            _ => (ulong)random.NextInt64(),
        };
        Span<byte> place = file.AsSpan(at & ~1);
        switch (random.Next(4))
        {
            case 0 when place.Length >= 8:
                BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at & ~7), value);
                break;
            case 1 when place.Length >= 4:
                BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at & ~3), (uint)value);
                break;
            case 2 when place.Length >= 2:
                BinaryPrimitives.WriteUInt16LittleEndian(place, (ushort)value);
                break;
            default:
                file[at] ^= (byte)(1 << random.Next(8));
                break;
        }
    }
}
