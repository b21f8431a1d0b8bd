using Makatea.BlockContract;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Nvme.Tests.Models;

/// <summary>The block contract on QEMU's controller: interrupts, doorbells through memory, lists. Namespaces own their controller here.</summary>
[Trait("Category", "Device")]
public class ModelContractTests : BlockDeviceContract, IDisposable
{
    private readonly List<ModelBed> _beds = [];

    protected override ComponentHost? Host { get; } = new LinuxHost();

    protected virtual int BlockSize => 512;

    protected virtual NvmeOptions Options => new();

    protected override BlockDevice CreateDevice()
    {
        var bed = ModelBed.Start(BlockSize);
        _beds.Add(bed);
        return NvmeNamespace.Open(bed.Function, 1, Options);
    }

    public void Dispose()
    {
        _beds.ForEach(b => b.Dispose());
        GC.SuppressFinalize(this);
    }
}

/// <summary>Blocks of 4 KiB, polled, registers only, pages only.</summary>
[Trait("Category", "Device")]
public sealed class ModelPlainContractTests : ModelContractTests
{
    protected override int BlockSize => 4096;

    protected override NvmeOptions Options => new() { UseInterrupts = false, UseShadowDoorbells = false, UseScatterGatherLists = false };
}
