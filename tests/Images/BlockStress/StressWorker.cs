using System.Runtime.InteropServices;

namespace Makatea.BlockStress;

/// <summary>
/// One request at a time on the slots of the disk that are its own, so that it alone knows what each block must hold. It writes runs of
/// blocks at random, again and again over the same slots: a write that is lost, or done once more after a later one, shows.
/// </summary>
internal sealed class StressWorker
{
    private const int SlotBlocks = 16;
    private const int SlotsEach = 24;

    private readonly DirectDisk _disk;
    private readonly ulong _seed;
    private readonly Random _random;
    private readonly long[] _slots;
    private readonly uint[][] _generations;
    private readonly byte[] _memory = GC.AllocateArray<byte>((SlotBlocks + 1) * BlockContent.Size, pinned: true);
    private readonly byte[] _expected = new byte[BlockContent.Size];
    private readonly int _aligned;
    private long _writes;
    private long _reads;

    /// <summary>Worker <paramref name="index"/> of <paramref name="count"/>.</summary>
    public StressWorker(DirectDisk disk, int index, int count, ulong seed)
    {
        _disk = disk;
        _seed = seed;
        _random = new Random(HashCode.Combine(seed, index));
        long slots = disk.Length / (SlotBlocks * BlockContent.Size) / count;
        if (slots == 0)
        {
            throw new IOException($"{disk.Length} bytes are too few for {count} workers");
        }

        // Few slots, far apart: they are written many times over.
        int used = (int)Math.Min(SlotsEach, slots);
        _slots = [.. Enumerable.Range(0, used).Select(i => (((slots * i / used) * count) + index) * SlotBlocks)];
        _generations = [.. _slots.Select(_ => new uint[SlotBlocks])];
        _aligned = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0) & (BlockContent.Size - 1));
    }

    /// <summary>Writes done.</summary>
    public long Writes => Volatile.Read(ref _writes);

    /// <summary>Reads checked.</summary>
    public long Reads => Volatile.Read(ref _reads);

    /// <summary>Blocks written at least once.</summary>
    public int BlocksWritten => _generations.Sum(slot => slot.Count(generation => generation > 0));

    /// <summary>Goes on until told to stop.</summary>
    public void Run(Func<bool> stop)
    {
        while (!stop())
        {
            int slot = _random.Next(_slots.Length);
            int first = _random.Next(SlotBlocks);
            int count = _random.Next(4) == 0 ? _random.Next(1, SlotBlocks - first + 1) : 1;
            switch (_random.Next(64))
            {
                case 0:
                    _disk.Flush();
                    break;
                case < 12:
                    Check(slot, first, count);
                    break;
                default:
                    Write(slot, first, count);
                    break;
            }
        }
    }

    /// <summary>Checks every block that was written.</summary>
    public void CheckAll()
    {
        for (int slot = 0; slot < _slots.Length; slot++)
        {
            Check(slot, 0, SlotBlocks);
        }
    }

    private void Write(int slot, int first, int count)
    {
        Span<byte> buffer = Buffer(count);
        for (int i = 0; i < count; i++)
        {
            BlockContent.Fill(buffer.Slice(i * BlockContent.Size, BlockContent.Size), _seed, _slots[slot] + first + i, ++_generations[slot][first + i]);
        }

        _disk.Write(buffer, (_slots[slot] + first) * BlockContent.Size);
        Volatile.Write(ref _writes, _writes + 1);
    }

    private void Check(int slot, int first, int count)
    {
        Span<byte> buffer = Buffer(count);
        buffer.Fill(0xEE);
        _disk.Read(buffer, (_slots[slot] + first) * BlockContent.Size);
        for (int i = 0; i < count; i++)
        {
            uint generation = _generations[slot][first + i];
            if (generation != 0 &&
                BlockContent.Check(buffer.Slice(i * BlockContent.Size, BlockContent.Size), _expected, _seed, _slots[slot] + first + i, generation) is { } wrong)
            {
                throw new InvalidDataException(wrong);
            }
        }

        Volatile.Write(ref _reads, _reads + 1);
    }

    private Span<byte> Buffer(int blocks) => _memory.AsSpan(_aligned, blocks * BlockContent.Size);
}
