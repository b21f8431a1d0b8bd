using BenchmarkDotNet.Attributes;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Benchmarks.Rings;

/// <summary>
/// What one request costs in a ring: the driver adds a virtio-blk read of 4 KiB (header, data, status), the device pops and pushes it, the driver takes it
/// back. Both sides run on one thread over the same memory, so that nothing is waited for; <see cref="DriverAlone"/> says what of it is the driver's.
/// </summary>
[MemoryDiagnoser]
public abstract class RingBenchmark<TDevice, TDriver>
    where TDevice : struct, IDeviceRing, IDisposable
    where TDriver : struct, IDriverRing<TDriver>
{
    /// <summary>Requests that one measured call handles.</summary>
    protected const int Requests = RingBatches.Requests;

    private const ushort RingSize = 1024;
    private const int Segments = 3;

    private readonly GuestSegment[] _request = new GuestSegment[Segments];
    private readonly MemorySegment[] _segments = new MemorySegment[256];
    private readonly DescriptorChain[] _chains = new DescriptorChain[256];
    private GuestArena? _arena;
    private TDevice _device;
    private TDriver _driver;

    /// <summary>Requests between two publishes.</summary>
    [ParamsSource(nameof(Batches))]
    public int Batch { get; set; }

    /// <summary>Values of <see cref="Batch"/>.</summary>
    public static IEnumerable<int> Batches => RingBatches.All;

    /// <summary>Whether the three parts are in a table or in the ring itself.</summary>
    [Params(false, true)]
    public bool Indirect { get; set; }

    /// <summary>Where the ring is.</summary>
    protected RingAreas Areas { get; private set; } = null!;

    /// <summary>The feature that chooses the ring.</summary>
    protected abstract ulong Feature { get; }

    /// <summary>Makes both sides.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _arena = new GuestArena(new GuestRange(0x1_0000_0000, 64 << 20));
        ulong features = Feature | VirtioFeatures.Version1 | VirtioFeatures.EventIndex | VirtioFeatures.IndirectDescriptors;
        DriverRingSetup setup = DriverRingSetup.Allocate(_arena, RingSize, features, Indirect ? Segments : 0);
        Areas = setup.Areas;
        _driver = TDriver.Create(setup);
        _device = CreateDevice(setup.Areas.ToQueueSetup(_arena.Memory, features, new LinuxHost()));
        _device.DisableNotifications();
        _driver.DisableCallbacks();
        _request[0] = _arena.Allocate(16).AsElement();
        _request[1] = _arena.Allocate(4096, 4096).AsElement();
        _request[2] = _arena.Allocate(1).AsElement();
    }

    /// <summary>Ends both sides.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _device.Dispose();
        _arena?.Dispose();
    }

    /// <summary>Add, publish, pop, push, publish, take back.</summary>
    [Benchmark(OperationsPerInvoke = Requests)]
    public long PopAndPush()
    {
        long bytes = 0;
        for (int done = 0; done < Requests; done += Batch)
        {
            Add();
            int count = 0;
            while (_device.TryPop(_segments, out DescriptorChain chain) == PopResult.Popped)
            {
                _chains[count++] = chain;
            }

            for (int i = 0; i < count; i++)
            {
                _device.Push(_chains[i], _chains[i].WritableBytes);
            }

            _device.Publish();
            bytes += TakeBack();
        }

        return bytes;
    }

    /// <summary>The driver's part of it, against a device that does nothing but say "used".</summary>
    [Benchmark(OperationsPerInvoke = Requests)]
    public long DriverAlone()
    {
        long bytes = 0;
        for (int done = 0; done < Requests; done += Batch)
        {
            RingPosition start = _driver.Position;
            Add();
            Echo(start);
            bytes += TakeBack();
        }

        return bytes;
    }

    /// <summary>Makes the device's side.</summary>
    protected abstract TDevice CreateDevice(QueueSetup setup);

    /// <summary>Marks what was added since <paramref name="start"/> used, without looking at it.</summary>
    protected abstract void Echo(RingPosition start);

    private void Add()
    {
        for (int i = 0; i < Batch; i++)
        {
            if (!_driver.TryAdd(_request, 1, (uint)i))
            {
                throw new InvalidOperationException("the ring is full");
            }
        }

        _driver.Publish();
    }

    private long TakeBack()
    {
        long bytes = 0;
        for (int i = 0; i < Batch; i++)
        {
            if (!_driver.TryGetUsed(out _, out uint length))
            {
                throw new InvalidOperationException("a request did not come back");
            }

            bytes += length;
        }

        return bytes;
    }
}
