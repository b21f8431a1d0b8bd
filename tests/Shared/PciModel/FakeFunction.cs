using Makatea.Platform;

namespace Makatea.PciModel;

/// <summary>A function with 256 bytes of configuration space, 64 bytes of registers in RAM behind base address register 0, and two interrupt vectors.</summary>
internal sealed class FakeFunction : PciFunction
{
    private readonly NativeArray<byte> _registers = new(64);
    private readonly Func<Doorbell>? _doorbells;
    private readonly List<Doorbell> _vectors = [];

    public FakeFunction(Func<Doorbell>? doorbells = null)
    {
        _doorbells = doorbells;
        Config[0] = 0x36;
        Config[1] = 0x1b;
        Config[2] = 0x10;
    }

    public byte[] Config { get; } = new byte[256];

    /// <summary>What happened, in order.</summary>
    public List<string> Calls { get; } = [];

    public FakeDmaSpace Space { get; } = new();

    public IReadOnlyList<Doorbell> Vectors => _vectors;

    public override PciAddress Address => new(0, 0, 4, 0);

    public override PciIdentity Identity => new(0x1b36, 0x0010, 0x010802, 2, 0x1af4, 0x1100);

    public override int ConfigLength => Config.Length;

    public override DmaSpace Dma => Space;

    public override bool IsGone => false;

    public override int MaxInterrupts => 2;

    public override uint ReadConfig(int offset, int width)
    {
        Check(offset, width);
        return (uint)Enumerable.Range(0, width).Sum(i => (long)Config[offset + i] << (8 * i));
    }

    public override void WriteConfig(int offset, int width, uint value)
    {
        Check(offset, width);
        for (int i = 0; i < width; i++)
        {
            Config[offset + i] = (byte)(value >> (8 * i));
        }
    }

    public override PciBar GetBar(int index) => index == 0 ? new PciBar(0, PciBarKind.Memory64, 64, true) : new PciBar(index, PciBarKind.None, 0, false);

    public override RegisterSpace MapBar(int index) => index == 0
        ? RegisterSpace.UnsafeCreate(_registers.AsSegment().Address, 64)
        : throw new IOException($"base address register {index} decodes nothing");

    public override void SetBusMaster(bool enabled) => Calls.Add($"bus master {enabled}");

    public override void Reset() => Calls.Add("reset");

    public override PciInterrupts EnableInterrupts(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxInterrupts);
        DisableInterrupts();
        _vectors.AddRange(Enumerable.Range(0, count).Select(_ => _doorbells!()));
        return new PciInterrupts(PciInterruptKind.MsiX, [.. _vectors]);
    }

    public override void DisableInterrupts()
    {
        _vectors.ForEach(v => v.Dispose());
        _vectors.Clear();
    }

    protected override void Dispose(bool disposing)
    {
        Calls.Add($"disposed with {Space.Mappings.Count} mappings");
        DisableInterrupts();
        _registers.Dispose();
    }

    private void Check(int offset, int width)
    {
        if (width is not (1 or 2 or 4) || offset < 0 || offset > Config.Length - width || offset % width != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{width} bytes at 0x{offset:x} of configuration space");
        }
    }
}

/// <summary>An address space that maps at addresses which it counts up.</summary>
internal sealed class FakeDmaSpace : DmaSpace
{
    private ulong _next = 0x1_0000;

    public override bool IsProtected => true;

    public override int AddressBits => 39;

    public override int PageSize => 4096;

    /// <summary>Told of memory that is mapped.</summary>
    public Action<nint, ulong>? Mapped { get; set; }

    public override DmaMemory Allocate(ulong length) => throw new NotSupportedException();

    protected override ulong MapPages(nint address, ulong length, DmaAccess access)
    {
        Mapped?.Invoke(address, length);
        ulong iova = _next;
        _next += length;
        return iova;
    }

    protected override void UnmapPages(ulong iova, ulong length)
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
