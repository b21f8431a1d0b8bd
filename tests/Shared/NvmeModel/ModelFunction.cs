using Makatea.Platform;

namespace Makatea.NvmeModel;

/// <summary>The PCI function of a <see cref="ModelController"/>.</summary>
public sealed class ModelFunction(ModelController controller, Func<Doorbell>? createDoorbell = null) : PciFunction
{
    private readonly List<Doorbell> _vectors = [];

    public override PciAddress Address => new(0, 0, 4, 0);

    public override PciIdentity Identity => new(0x1b36, 0x0010, ClassCode, 0, 0, 0);

    public uint ClassCode { get; init; } = 0x010802;

    public override int ConfigLength => PciConfig.ExtendedLength;

    public override DmaSpace Dma => controller.Space;

    public override bool IsGone => controller.IsGone;

    public override int MaxInterrupts => createDoorbell is null ? 0 : 9;

    public bool IsBusMaster { get; private set; }

    public int ResetCount { get; private set; }

    public bool IsDisposed { get; private set; }

    /// <summary>Function-level reset fails.</summary>
    public bool CannotReset { get; set; }

    public override uint ReadConfig(int offset, int width) => 0;

    public override void WriteConfig(int offset, int width, uint value)
    {
    }

    public override PciBar GetBar(int index) => new(index, index == 0 ? PciBarKind.Memory64 : PciBarKind.None, index == 0 ? ModelController.BarLength : 0, false);

    public override RegisterSpace MapBar(int index) => RegisterSpace.OnBus(controller, 0, ModelController.BarLength);

    public override void SetBusMaster(bool enabled) => IsBusMaster = enabled;

    public override void Reset()
    {
        ResetCount++;
        if (CannotReset)
        {
            throw new IOException("the function has no reset");
        }

        DisableInterrupts();
        IsBusMaster = false;
        controller.PowerOn();
    }

    /// <summary>Told of threads that wait for a vector; gives their processors.</summary>
    public Func<int, int>? Settle { get; set; }

    public override PciInterrupts EnableInterrupts(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxInterrupts);
        _vectors.AddRange(Enumerable.Range(0, count).Select(_ => createDoorbell!()));
        return new PciInterrupts(PciInterruptKind.MsiX, [.. _vectors]) { Settle = Settle };
    }

    public override void DisableInterrupts()
    {
        _vectors.ForEach(v => v.Dispose());
        _vectors.Clear();
    }

    /// <summary>The controller raises a vector.</summary>
    public void Raise(int vector)
    {
        if (vector < _vectors.Count && IsBusMaster)
        {
            _vectors[vector].Ring();
        }
    }

    protected override void Dispose(bool disposing)
    {
        IsDisposed = true;
        DisableInterrupts();
    }
}
