using Makatea.Platform;

namespace Makatea.Tests.E1000;

/// <summary>A PCI function with the registers and interrupts that a test gives it.</summary>
internal sealed class SimulatedFunction(ushort device, RegisterSpace registers, DmaSpace dma, PciInterruptKind kind = PciInterruptKind.MsiX, int maxInterrupts = 0) : PciFunction
{
    public List<CountingDoorbell> Vectors { get; } = [];

    public bool IsBusMaster { get; private set; }

    public bool IsDisposed { get; private set; }

    public bool WasTakenAway { get; set; }

    public int Rearmed { get; private set; }

    public override PciAddress Address => new(0, 0, 3, 0);

    public override PciIdentity Identity => new(0x8086, device, 0x020000, 3, 0x1af4, 0x1100);

    public override int ConfigLength => PciConfig.Length;

    public override DmaSpace Dma => dma;

    public override bool IsGone => WasTakenAway;

    public override int MaxInterrupts => maxInterrupts;

    public override uint ReadConfig(int offset, int width) => 0;

    public override void WriteConfig(int offset, int width, uint value)
    {
    }

    public override PciBar GetBar(int index) => index == 0 ? new(0, PciBarKind.Memory32, registers.Length, false) : new(index, PciBarKind.None, 0, false);

    public override RegisterSpace MapBar(int index) => index == 0 ? registers : throw new IOException($"there is nothing behind base address register {index}");

    public override void SetBusMaster(bool enabled) => IsBusMaster = enabled;

    public override void Reset()
    {
    }

    public override PciInterrupts EnableInterrupts(int count)
    {
        Vectors.Clear();
        Vectors.AddRange(Enumerable.Range(0, count).Select(_ => new CountingDoorbell()));
        return new(kind, [.. Vectors]) { Unmask = kind == PciInterruptKind.Pin ? () => Rearmed++ : null };
    }

    public override void DisableInterrupts() => Vectors.Clear();

    protected override void Dispose(bool disposing) => IsDisposed = true;
}

/// <summary>A doorbell that counts its rings.</summary>
internal sealed class CountingDoorbell : Doorbell
{
    private int _rings;

    public int Rings => Volatile.Read(ref _rings);

    public override void Ring() => Interlocked.Increment(ref _rings);

    protected override void Dispose(bool disposing)
    {
    }
}
