using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Tests.Boot;

/// <summary>Debian's cloud kernel, by both protocols.</summary>
[Trait("Category", "Guest")]
public sealed class DistributionKernelTests : IDisposable
{
    private readonly TestGuest _guest = new(256 << 20);

    [Fact]
    public void The_bzImage_is_loaded()
    {
        BootImage kernel = BootImage.FromMemory(File.ReadAllBytes(DistributionKernel.BzImage));
        BootImage initramfs = BootImage.FromMemory(File.ReadAllBytes(DistributionKernel.Initramfs));
        InitialCpuState state = KernelLoader.Load(_guest.Request(kernel) with { Initramfs = initramfs, CommandLine = "console=ttyS0" });
        // It is relocatable and linked for 16 MiB. startup_64 begins with cld; cli.
        Assert.Equal(0x100_0200UL, state.Registers.Rip);
        Assert.Equal((byte[])[0xfc, 0xfa], _guest.At(state.Registers.Rip, 2).ToArray());
        // The initramfs is gzip's.
        Assert.Equal((byte[])[0x1f, 0x8b], _guest.At(_guest.UInt32(state.Registers.Rsi + 0x218), 2).ToArray());
    }

    [Fact]
    public void The_ELF_file_in_it_is_loaded_by_PVH()
    {
        string path = Path.Combine(Path.GetTempPath(), $"makatea-{Guid.NewGuid():n}");
        try
        {
            DistributionKernel.UnpackElf(path);
            InitialCpuState state = KernelLoader.Load(_guest.Request(BootImage.FromMemory(File.ReadAllBytes(path))));
            // pvh_start_xen begins with cld.
            Assert.Equal(0xfc, _guest.At(state.Registers.Rip, 1)[0]);
            Assert.InRange(state.Registers.Rip, 0x100_0000UL, 0x400_0000UL);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public void Dispose() => _guest.Dispose();
}
