using System.Runtime.InteropServices;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.VfioProbe;

/// <summary>Takes a controller from its driver, drives it from here and from a component, and gives it back.</summary>
internal static class Probe
{
    /// <summary>Runs it.</summary>
    public static void Run(PciAddress address)
    {
        LinuxPciDevice before = LinuxPciDevice.List().Single(d => d.Address == address);
        Check.That(before is { Driver: "nvme", IsIsolated: true, Iommu: "dmar0" }, $"{address} is nvme's, group {before.IommuGroup}, behind {before.Iommu} ({before.GroupType})");
        using (VfioDmaSpace none = VfioDmaSpace.Create())
        {
            Check.Refused<IOException>(() => none.Open(address), "bound to vfio-pci", "a function of another driver is refused");
        }

        using (VfioBinding binding = VfioBinding.Bind(address))
        {
            Check.That(LinuxPciDevice.List().Single(d => d.Address == address).IsVfio, binding.Description);
            using (VfioDmaSpace space = VfioDmaSpace.Create())
            using (VfioFunction function = space.Open(address))
            {
                Check.That(function.Identity.ClassCode == 0x010802, function.Identity.ToString());
                Check.That(space.Interface == before.Interface, $"the DMA space: {space.Interface}");
                Check.That(function is { IsGone: false, ConfigLength: 4096, MaxInterrupts: > 1 }, $"{function.MaxInterrupts} vectors");
                Drive(function);
                Guard(function);
                function.Reset();
                Drive(function);
                Check.That(true, "it works after a reset");
                InComponent(function, space);
            }

            using VfioDmaSpace again = VfioDmaSpace.Create();
            again.Open(address).Dispose();
            Check.That(true, "it can be opened again");
        }

        Check.That(LinuxPciDevice.List().Single(d => d.Address == address).Driver == "nvme", "it was given back to nvme");
    }

    /// <summary>Reads data by DMA and interrupt, and shows that what is not mapped stays out of reach.</summary>
    public static void Drive(PciFunction function)
    {
        DmaSpace space = function.Dma;
        using var controller = new NvmeController(function);
        Check.That(controller.Version is > 0x1_0000 and < 0x10_0000, $"registers: version {controller.Version:x}");
        using DmaMemory data = space.Allocate(4096);
        int status = controller.Identify(data.Iova);
        Check.That(status == 0 && NvmeController.Serial(data) == "probe", $"DMA and interrupt: serial '{NvmeController.Serial(data)}', status {status:x}");

        // Somebody else's memory. What QEMU's controller says of transfers that the IOMMU stopped is no proof either way, so the memory is looked at.
        using Grant shared = new LinuxHost().CreateMemory("shared", 4 << 20);
        using MappedMemory memory = shared.Map(0, 4 << 20, MemoryAccess.ReadWrite);
        ulong gone;
        using (DmaMapping mapping = space.Map(memory, DmaAccess.ReadWrite))
        {
            int hint = 0;
            Check.That(space.TryTranslate(memory.Address + 8192, 4096, ref hint, out gone) && controller.Identify(gone) == 0
                && memory.Slice(8192, 4096).AsSpan()[4..9].SequenceEqual("probe"u8), $"DMA into shared memory at IOVA 0x{mapping.Iova:x}");
            Check.That(mapping.Iova % (2 << 20) == 0 && memory.Address % (2 << 20) == 0, "large mappings are aligned for large pages");
        }

        memory.Slice(8192, 4096).AsSpan().Clear();
        controller.Identify(gone);
        Check.That(memory.Slice(0, 4 << 20).AsSpan().IndexOfAnyExcept((byte)0) < 0, "DMA to an address that was unmapped changes nothing");
        using (DmaMapping readable = space.Map(memory, DmaAccess.Read))
        {
            controller.Identify(readable.Iova + 8192);
            Check.That(memory.Slice(0, 4 << 20).AsSpan().IndexOfAnyExcept((byte)0) < 0, "DMA into memory mapped for reading changes nothing");
        }

        Check.That(controller.Identify(data.Iova) == 0, "the controller goes on afterwards");
    }

    private static void Guard(VfioFunction function)
    {
        uint before = function.ReadConfig(PciConfig.Bar0, 4);
        function.WriteConfig(PciConfig.Bar0, 4, 0xdead_0000);
        Check.That(function.ReadConfig(PciConfig.Bar0, 4) == before, "base addresses are kept");
        Check.Refused<ArgumentOutOfRangeException>(() => function.ReadConfig(4096, 4), "configuration space", "configuration space has an end");
        Check.Refused<IOException>(() => function.MapBar(3), "no base address register 3", "absent registers are refused");
    }

    private static void InComponent(VfioFunction function, VfioDmaSpace space)
    {
        using var output = new TemporaryOutput();
        using SandboxedProcess component = SandboxedProcess.Start(DotnetSandbox.ForExecutable(Environment.ProcessPath!, "component", function.Address.ToString()) with
        {
            Descriptors = new Dictionary<int, SafeHandle> { [1] = output.Handle, [2] = output.Handle, [Component.Slot] = function.Device, [Component.Slot + 1] = space.Handle },
        });
        ProcessExit exit = component.WaitForExit();
        Console.Write(output.Text);
        Check.That(exit.Code == 0, $"a component drives it ({exit}), sandboxed by {component.Report.Active}");
    }
}
