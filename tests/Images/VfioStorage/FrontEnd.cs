using Makatea.BlockStress;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Testing;

namespace Makatea.VfioStorage;

/// <summary>A virtual machine's side of a disk: writes blocks in runs of one to eight, many at a time and in no order, and checks what it reads.</summary>
internal sealed class FrontEnd : IDisposable
{
    /// <summary>Requests at a time.</summary>
    public const int Depth = 32;

    /// <summary>Bytes of the machine's memory.</summary>
    public const long MemoryLength = 32 << 20;

    private const int MostBlocks = 8;
    private const int SectorsPerBlock = BlockContent.Size / BlockDevice.SectorSize;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private readonly VirtioBlkDriver _driver;
    private readonly BlkDriverQueue _queue;
    private readonly ulong _seed;
    private readonly (int First, int Count)[] _runs;
    private readonly GuestBuffer[] _buffers = new GuestBuffer[Depth];
    private readonly int[] _runOf = new int[Depth];
    private readonly Stack<uint> _free = [];
    private readonly byte[] _expected = new byte[BlockContent.Size];
    private int _next;

    /// <summary>Negotiates.</summary>
    public FrontEnd(MessageChannel channel, ulong seed, int blocks)
    {
        _seed = seed;
        _driver = new VirtioBlkDriver(channel, new LinuxHost(), new VirtioBlkDriverOptions { QueueCount = 1, Memory = [new GuestRange(0x1000_0000, MemoryLength)], Timeout = _patience });
        _queue = _driver.Queues[0];
        for (uint i = 0; i < Depth; i++)
        {
            _buffers[i] = _driver.Arena.Allocate(MostBlocks * BlockContent.Size, BlockContent.Size);
            _free.Push(i);
        }

        var random = new Random((int)seed);
        List<(int, int)> runs = [];
        for (int first = 0; first < blocks;)
        {
            int count = Math.Min(random.Next(1, MostBlocks + 1), blocks - first);
            runs.Add((first, count));
            first += count;
        }

        _runs = [.. runs];
        random.Shuffle(_runs);
    }

    /// <summary>The disk's serial number.</summary>
    public string Serial => _driver.GetId(out string id) == BlkStatus.Ok ? id : "";

    /// <summary>Requests that the device has.</summary>
    public int Outstanding => _queue.Outstanding;

    /// <summary>Writes a generation of all blocks.</summary>
    public void Write(uint generation, int blocks)
    {
        Begin(generation, blocks);
        Finish(generation);
    }

    /// <summary>Writes blocks of a generation, and returns while some are under way.</summary>
    public void Begin(uint generation, int blocks)
    {
        _next = 0;
        for (int written = 0; written < blocks && _next < _runs.Length; written += _runs[_next - 1].Count)
        {
            SubmitNext(BlkRequestType.Write, generation);
        }
    }

    /// <summary>Writes the rest of a generation and makes it durable.</summary>
    public void Finish(uint generation)
    {
        while (_next < _runs.Length)
        {
            SubmitNext(BlkRequestType.Write, generation);
        }

        Drain(null);
        Flush();
    }

    /// <summary>Reads all blocks.</summary>
    /// <exception cref="InvalidDataException">One is not as it was written.</exception>
    public void Verify(uint generation)
    {
        for (_next = 0; _next < _runs.Length;)
        {
            SubmitNext(BlkRequestType.Read, generation);
        }

        Drain(generation);
    }

    /// <summary>Makes what was written durable.</summary>
    public void Flush()
    {
        BlkStatus status = _driver.Flush();
        if (status != BlkStatus.Ok)
        {
            throw new InvalidDataException($"a flush ended with {status}");
        }
    }

    /// <summary>Goes on with the next back end.</summary>
    public void Reconnect(MessageChannel channel) => _driver.Reconnect(channel);

    /// <inheritdoc/>
    public void Dispose() => _driver.Dispose();

    private void SubmitNext(BlkRequestType type, uint generation)
    {
        if (_free.Count == 0)
        {
            Take(type == BlkRequestType.Read ? generation : null);
        }

        uint slot = _free.Pop();
        (int first, int count) = _runs[_next];
        GuestBuffer data = _buffers[slot].Slice(0, count * BlockContent.Size);
        data.AsSpan().Clear();
        for (int i = 0; type == BlkRequestType.Write && i < count; i++)
        {
            BlockContent.Fill(data.AsSpan().Slice(i * BlockContent.Size, BlockContent.Size), _seed, first + i, generation);
        }

        _runOf[slot] = _next++;
        if (_queue.Submit([new BlkRequest(type, (ulong)first * SectorsPerBlock, data.AsElement(), slot)]) != 1)
        {
            throw new InvalidDataException("the queue is full");
        }
    }

    private void Drain(uint? generation)
    {
        while (_queue.Outstanding > 0)
        {
            Take(generation);
        }
    }

    /// <summary>Takes results; of reads, the generation that they are to find.</summary>
    private void Take(uint? generation)
    {
        Span<BlkResult> results = stackalloc BlkResult[Depth];
        foreach (BlkResult result in results[.._queue.Wait(results, _patience)])
        {
            (int first, int count) = _runs[_runOf[result.Token]];
            if (result.Status != BlkStatus.Ok)
            {
                throw new InvalidDataException($"blocks {first} to {first + count - 1}: {result.Status}");
            }

            for (int i = 0; generation is { } wanted && i < count; i++)
            {
                Span<byte> block = _buffers[result.Token].AsSpan().Slice(i * BlockContent.Size, BlockContent.Size);
                if (BlockContent.Check(block, _expected, _seed, first + i, wanted) is { } wrong)
                {
                    throw new InvalidDataException(wrong);
                }
            }

            _free.Push(result.Token);
        }
    }
}
