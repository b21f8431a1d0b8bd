using BenchmarkDotNet.Attributes;
using Makatea.Drivers.E1000;
using Makatea.Platform;
using Makatea.Tests.E1000;

namespace Makatea.Benchmarks.E1000;

/// <summary>A port whose controller is memory. Both sides run on one thread, so that nothing is waited for; the controller's part is in the numbers.</summary>
[MemoryDiagnoser]
public abstract class E1000Benchmark
{
    /// <summary>Frames that one measured call handles.</summary>
    public const int Frames = 1024;

    /// <summary>Frames and buffers at most.</summary>
    protected const int Depth = 512;

    /// <summary>Length of a buffer in bytes.</summary>
    protected const int BufferLength = 2048;

    private LocalMemory? _memory;
    private E1000Port? _port;

    /// <summary>Frames between two writes of a tail.</summary>
    [ParamsSource(nameof(Batches))]
    public int Batch { get; set; }

    /// <summary>Values of <see cref="Batch"/>.</summary>
    public static IEnumerable<int> Batches => [1, 8, 32, 256];

    /// <summary>Which controller.</summary>
    [Params(false, true)]
    public bool Is82574 { get; set; }

    private protected EchoAdapter Adapter { get; private set; } = null!;

    private protected NetQueue Queue { get; private set; } = null!;

    private protected LocalMemory Memory => _memory!;

    /// <summary>Opens the port.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var dma = new SimulatedDmaSpace();
        Adapter = new(Is82574, dma);
        var function = new SimulatedFunction((ushort)(Is82574 ? 0x10d3 : 0x100e), RegisterSpace.OnBus(Adapter, 0, SimulatedAdapter.RegisterLength), dma);
        _port = E1000Port.Open(function, new() { WatchInterval = Timeout.InfiniteTimeSpan });
        _memory = new(2 * Depth * BufferLength);
        _port.AddMemory(_memory);
        Queue = _port.OpenQueue(0, new() { TransmitDepth = Depth, ReceiveDepth = Depth, ReceiveBufferLength = BufferLength });
        Prepare();
        Adapter.Begin();
    }

    /// <summary>Closes it.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        Adapter.End();
        Queue.Dispose();
        _port?.Dispose();
        _memory?.Dispose();
    }

    /// <summary>Makes frames or buffers.</summary>
    protected abstract void Prepare();
}
