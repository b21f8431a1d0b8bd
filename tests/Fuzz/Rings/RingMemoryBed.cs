using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Virtio;
using Makatea.Virtio.Testing;

namespace Makatea.Fuzz.Rings;

/// <summary>The guest memory of ring sessions: mapped with a guard page on either side of each region, so that any access outside ends the process.</summary>
internal sealed class RingMemoryBed : IDisposable
{
    public const ulong Low = 0x1_0000;
    public const ulong Adjacent = Low + RegionLength;
    public const ulong ReadOnly = 0x8000_0000;
    private const ulong RegionLength = 0x1_0000;
    private const int DataLength = 16 * 1024;

    private readonly Dictionary<(ushort, bool), (DriverRingSetup Setup, GuestBuffer Inflight)> _rings = [];

    public RingMemoryBed()
    {
        Arena = new GuestArena(Host, new GuestRange(Low, RegionLength), new GuestRange(Adjacent, RegionLength), new GuestRange(ReadOnly, RegionLength));
        Memory = new GuestMemory(Arena.Memory.Regions.Select(r => r.GuestAddress == ReadOnly ? r with { Access = MemoryAccess.Read } : r));
        Data = Arena.Allocate(DataLength, 4096);
        Table = Data.Slice(0, 4096);
    }

    public LinuxHost Host { get; } = new();

    public GuestArena Arena { get; }

    /// <summary>The arena's regions, of which the device may only read the last.</summary>
    public GuestMemory Memory { get; }

    /// <summary>Where valid buffers are.</summary>
    public GuestBuffer Data { get; }

    /// <summary>Where hostile indirect tables are: in the data as well.</summary>
    public GuestBuffer Table { get; }

    /// <summary>The ring of a size, cleared; each has one place for good.</summary>
    public DriverRingSetup Ring(ushort size, ulong features, int maxIndirect, int inflightSize, out GuestBuffer inflight)
    {
        bool packed = (features & VirtioFeatures.PackedRing) != 0;
        if (!_rings.TryGetValue((size, packed), out (DriverRingSetup Setup, GuestBuffer Inflight) ring))
        {
            ring = (DriverRingSetup.Allocate(Arena, size, features, MaxIndirect), Arena.Allocate(inflightSize, 64));
            _rings.Add((size, packed), ring);
        }

        ring.Setup.Areas.Clear();
        ring.Inflight.AsSpan().Clear();
        inflight = ring.Inflight;
        return ring.Setup with { Features = features, MaxIndirectSegments = maxIndirect, IndirectTables = maxIndirect == 0 ? null : ring.Setup.IndirectTables };
    }

    public const int MaxIndirect = 8;

    /// <summary>An address that is good, nearly good, or bad.</summary>
    public ulong Address(FuzzInput input) => (input.Byte() % 12) switch
    {
        0 => input.Odd(),
        1 => Adjacent - input.Byte(),
        2 => Adjacent + RegionLength - input.Byte(),
        3 => Low + input.Byte() - 16,
        4 => ReadOnly + input.UInt16(),
        5 => ReadOnly - input.Byte(),
        6 => Table.Address + (input.Byte() * 16ul),
        _ => Data.Address + input.UInt16() % (ulong)DataLength,
    };

    /// <summary>A length that is good, nearly good, or bad.</summary>
    public static uint Length(FuzzInput input) => (input.Byte() % 8) switch
    {
        0 => (uint)input.Odd(),
        1 => input.UInt16(),
        2 => input.Byte() * 16u,
        3 => 0,
        _ => 1u + input.Byte(),
    };

    public void Dispose() => Arena.Dispose();
}
