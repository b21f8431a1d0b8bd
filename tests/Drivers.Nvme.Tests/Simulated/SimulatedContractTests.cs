using Makatea.BlockContract;
using Makatea.NvmeModel;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Nvme.Tests.Simulated;

/// <summary>The block contract on the controller in memory, polled, with pages only: all data that is not aligned is split or copied.</summary>
public class SimulatedContractTests : BlockDeviceContract
{
    protected override ComponentHost? Host { get; } = new LinuxHost();

    protected virtual int BlockShift => 9;

    protected virtual bool WithInterrupts => false;

    protected override BlockDevice CreateDevice()
    {
        var model = new ModelController();
        model.Function = new ModelFunction(model, WithInterrupts ? Host!.CreateDoorbell : null);
        model.Disks.Add(new ModelNamespace(BlockShift, 4 << 20));
        Configure(model);
        return NvmeNamespace.Open(model.Function, 1, Options);
    }

    protected virtual NvmeOptions Options => new();

    protected virtual void Configure(ModelController model)
    {
    }
}

/// <summary>Blocks of 4 KiB, interrupts, doorbells through memory.</summary>
public sealed class SimulatedInterruptContractTests : SimulatedContractTests
{
    protected override int BlockShift => 12;

    protected override bool WithInterrupts => true;

    protected override void Configure(ModelController model) => model.HasShadowDoorbells = true;
}

/// <summary>A controller with small queues and transfers, and one buffer for copies: nearly everything waits.</summary>
public sealed class SimulatedNarrowContractTests : SimulatedContractTests
{
    protected override NvmeOptions Options => new() { BounceLength = 65536 };

    protected override void Configure(ModelController model)
    {
        model.Capabilities = (model.Capabilities & ~0xfffful) | 3;
        model.MaxTransferShift = 1;
    }
}
