using Makatea.Platform;
using Makatea.Tests.E1000;

namespace Makatea.Drivers.E1000.Tests;

/// <summary>A port on the simulated controller, with memory that it reaches and memory that it does not.</summary>
internal sealed class Bed : IDisposable
{
    public const int MemoryLength = 8 << 20;

    private readonly NativeArray<MemorySegment> _segments = new(4096);
    private int _nextSegment;
    private int _nextByte;

    public Bed(bool is82574, PciInterruptKind kind = PciInterruptKind.MsiX, int maxInterrupts = 2, E1000Options? options = null, Action<SimulatedAdapter>? prepare = null)
    {
        Adapter = new(is82574, Dma);
        prepare?.Invoke(Adapter);
        Function = new((ushort)(is82574 ? 0x10d3 : 0x100e), RegisterSpace.OnBus(Adapter, 0, SimulatedAdapter.RegisterLength), Dma, kind, maxInterrupts);
        Port = E1000Port.Open(Function, (options ?? new()) with { WatchInterval = Timeout.InfiniteTimeSpan });
        Port.AddMemory(Memory);
    }

    public SimulatedDmaSpace Dma { get; } = new();

    public SimulatedAdapter Adapter { get; }

    public SimulatedFunction Function { get; }

    public E1000Port Port { get; }

    /// <summary>Memory that the port was told of.</summary>
    public LocalMemory Memory { get; } = new(MemoryLength);

    /// <summary>Memory that it was not told of.</summary>
    public LocalMemory Elsewhere { get; } = new(1 << 20);

    public static byte[] Pattern(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    /// <summary>A frame of consecutive pieces of the given lengths.</summary>
    public NetFrame Frame(int tag, ReadOnlySpan<byte> bytes, params int[] pieces)
    {
        pieces = pieces.Length == 0 ? [bytes.Length] : pieces;
        int first = _nextSegment;
        int start = 0;
        foreach (int piece in pieces)
        {
            MemorySegment segment = Take(piece);
            bytes.Slice(start, piece).CopyTo(segment.AsSpan());
            start += piece;
            _segments[_nextSegment++] = segment;
        }

        return new() { Data = ScatterList.Of(_segments, first, pieces.Length), Length = bytes.Length, Tag = tag };
    }

    public NetFrame FrameOf(int tag, params MemorySegment[] pieces)
    {
        int first = _nextSegment;
        foreach (MemorySegment piece in pieces)
        {
            _segments[_nextSegment++] = piece;
        }

        return new() { Data = ScatterList.Of(_segments, first, pieces.Length), Length = pieces.Sum(p => p.Length), Tag = tag };
    }

    public MemorySegment Take(int length)
    {
        MemorySegment segment = Memory.Slice((ulong)_nextByte, length);
        _nextByte += length + 3;
        return segment;
    }

    public NetBuffer[] Buffers(int count, int length = 2048, int firstTag = 0) => [.. Enumerable.Range(firstTag, count).Select(tag => new NetBuffer(Take(length), tag))];

    public int[] Reclaim(NetQueue queue)
    {
        int[] tags = new int[4096];
        return tags[..queue.Reclaim(tags)];
    }

    public NetReceived[] Receive(NetQueue queue)
    {
        var frames = new NetReceived[4096];
        return frames[..queue.Receive(frames)];
    }

    public void Dispose()
    {
        Port.Dispose();
        Memory.Dispose();
        Elsewhere.Dispose();
        _segments.Dispose();
    }
}
