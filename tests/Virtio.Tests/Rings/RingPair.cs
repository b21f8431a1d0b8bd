using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio.Testing;

namespace Makatea.Virtio.Tests.Rings;

/// <summary>Both sides of one ring over memory of this process, with canaries around it.</summary>
public sealed class RingPair<TKind, TDevice, TDriver> : IDisposable
    where TKind : struct, IRingKind<TDevice, TDriver>
    where TDevice : struct, IDeviceRing, IDisposable
    where TDriver : struct, IDriverRing<TDriver>
{
    /// <summary>Where buffers are; the ring is in the same region.</summary>
    public const ulong Memory = 0x10_0000;

    /// <summary>Length of each region.</summary>
    public const ulong RegionLength = 1 << 20;

    /// <summary>A region that begins where the first ends.</summary>
    public const ulong Adjacent = Memory + RegionLength;

    /// <summary>A region with nothing around it, which the device may read only.</summary>
    public const ulong ReadOnly = 0x8000_0000;

    private int _slot;
    private int _buffers;

    public RingPair(
        ushort size = 16, ulong features = 0, int maxIndirect = 0, RingPosition? position = null, int maxSegments = 64, bool inflight = false)
    {
        Arena = new GuestArena(new GuestRange(Memory, RegionLength), new GuestRange(Adjacent, RegionLength), new GuestRange(ReadOnly, RegionLength));
        GuestMemory = new GuestMemory(Arena.Memory.Regions.Select(
            r => r.GuestAddress == ReadOnly ? r with { Access = MemoryAccess.Read } : r));
        Features = features | TKind.Feature | VirtioFeatures.Version1;
        Setup = DriverRingSetup.Allocate(Arena, size, Features, maxIndirect) with { Position = position ?? RingPosition.Start };
        InflightRegion = inflight ? Arena.Allocate(TKind.InflightSize(size), 64).Segment : null;
        QueueSetup = MakeQueueSetup(Setup.Position);
        Data = Arena.Allocate(64 * 1024, 4096);
        Segments = new MemorySegment[maxSegments];
        Driver = TDriver.Create(Setup);
        Device = TKind.CreateDevice(QueueSetup);
    }

    public GuestArena Arena { get; }

    public GuestMemory GuestMemory { get; }

    public ulong Features { get; }

    public DriverRingSetup Setup { get; }

    public RingAreas Areas => Setup.Areas;

    public QueueSetup QueueSetup { get; }

    public MemorySegment? InflightRegion { get; }

    /// <summary>Memory for buffers.</summary>
    public GuestBuffer Data { get; }

    public MemorySegment[] Segments { get; }

    public TDevice Device;

    public TDriver Driver;

    /// <summary>The device goes away as a killed process does, and another takes its place.</summary>
    public void RestartDevice(RingPosition? position = null)
    {
        Device.Dispose();
        Device = TKind.CreateDevice(MakeQueueSetup(position ?? QueueSetup.Position));
    }

    /// <summary>Offers a buffer without any check.</summary>
    public void Offer(params ReadOnlySpan<RawDescriptor> chain) => TKind.Offer(Areas, ref _slot, ref _buffers, chain);

    /// <summary>Offers one indirect descriptor with a table at the end of <see cref="Data"/>.</summary>
    public void OfferTable(VirtqDescriptorFlags flags, uint tableBytes, params ReadOnlySpan<RawDescriptor> entries)
    {
        GuestBuffer table = Data.Slice(32 * 1024, 32 * 1024);
        for (int i = 0; i < entries.Length; i++)
        {
            TKind.WriteTableEntry(table.AsShared(), (uint)i, entries[i]);
        }

        Offer(new RawDescriptor(table.Address, tableBytes, flags | VirtqDescriptorFlags.Indirect));
    }

    public PopResult Pop(out DescriptorChain chain) => Device.TryPop(Segments, out chain);

    /// <summary>Pops a buffer that has to be there.</summary>
    public DescriptorChain Pop()
    {
        Assert.Equal(PopResult.Popped, Device.TryPop(Segments, out DescriptorChain chain));
        return chain;
    }

    /// <summary>Pops everything, gives it back, and publishes.</summary>
    public bool Drain()
    {
        while (Device.TryPop(Segments, out DescriptorChain chain) == PopResult.Popped)
        {
            Device.Push(chain, 0);
        }

        return Device.Publish();
    }

    /// <summary>Adds one readable buffer of the driver's and publishes it.</summary>
    public bool AddOne(uint token = 0)
    {
        Assert.True(Driver.TryAdd([Data.Slice(0, 16).AsElement()], 1, token));
        return Driver.Publish();
    }

    public void Dispose()
    {
        Device.Dispose();
        Arena.CheckCanaries();
        Arena.Dispose();
    }

    private QueueSetup MakeQueueSetup(RingPosition position) => new()
    {
        Index = 0,
        Size = Areas.Size,
        Features = Features,
        Memory = GuestMemory,
        DescriptorArea = Areas.Descriptors.Segment,
        DriverArea = Areas.Driver.Segment,
        DeviceArea = Areas.Device.Segment,
        Position = position,
        Inflight = InflightRegion,
        Host = TestHost.Instance,
    };
}

/// <summary>The one host of these tests.</summary>
internal static class TestHost
{
    public static readonly LinuxHost Instance = new();
}
