using Makatea.Virtio.Testing;

namespace Makatea.Sel4.Programs;

/// <summary>Writes generations of all blocks of a part of the disk, in no order and many at a time, and reads each back.</summary>
/// <param name="disk">The disk.</param>
/// <param name="seed">Chooses contents and order.</param>
/// <param name="blocks">Blocks from the disk's start on.</param>
internal sealed class DiskTrial(GuestDisk disk, ulong seed, int blocks)
{
    private readonly int[] _order = [.. Enumerable.Range(0, blocks)];
    private readonly int[] _blockOf = new int[GuestDisk.Depth];
    private readonly Stack<int> _free = new(Enumerable.Range(0, GuestDisk.Depth));

    /// <summary>The generation that the disk holds.</summary>
    public ulong Generation { get; private set; }

    /// <summary>Writes the next generation, makes it durable, and checks it.</summary>
    /// <exception cref="InvalidDataException">A block is not as it was written, or a request failed.</exception>
    public void Next()
    {
        new Random((int)(seed ^ Generation)).Shuffle(_order);
        Generation++;
        RunAll(BlkRequestType.Write);
        disk.Flush();
        RunAll(BlkRequestType.Read);
    }

    private void RunAll(BlkRequestType type)
    {
        foreach (int block in _order)
        {
            while (_free.Count == 0)
            {
                Take(type);
            }

            int slot = _free.Pop();
            _blockOf[slot] = block;
            if (type == BlkRequestType.Write)
            {
                BlockPattern.Fill(disk.Buffers[slot].AsSpan(), seed, block, Generation);
            }
            else
            {
                disk.Buffers[slot].AsSpan().Clear();
            }

            disk.Submit(type, block, slot);
        }

        while (_free.Count < GuestDisk.Depth)
        {
            Take(type);
        }
    }

    private void Take(BlkRequestType type)
    {
        foreach (BlkResult result in disk.Wait())
        {
            int slot = (int)result.Token;
            if (type == BlkRequestType.Read && BlockPattern.Check(disk.Buffers[slot].AsSpan(), seed, _blockOf[slot], Generation) is { } wrong)
            {
                throw new InvalidDataException(wrong);
            }

            _free.Push(slot);
        }
    }
}
