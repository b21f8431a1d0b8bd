using Xunit.Abstractions;

namespace Makatea.EndToEnd.Sel4;

/// <summary>What doorbells and requests cost on seL4 and on Linux: the same client and the same storage domain, on one processor of the same QEMU.</summary>
[Trait("Category", "Device")]
public sealed class Sel4CostTests(ITestOutputHelper output)
{
    private const string Cost = "cost: ";

    [SkippableFact]
    public void The_same_program_says_what_it_costs_on_seL4_and_on_Linux()
    {
        using Scratch scratch = new();
        string console = Sel4Boot.Run(scratch, Sel4Boot.Storage("") + Sel4Boot.Client("[cost]"), c => c.Contains("makatea: client: ended", StringComparison.Ordinal), 120, out WirePeer peer);
        peer.Dispose();
        string[] onSel4 = Costs(console);

        (string kernel, string initramfs) = GuestAssets.With("VfioStorage", hasIommufd: false);
        using var guest = Guest.Boot(scratch, new GuestOptions
        {
            HasIommu = true,
            Cores = 1,
            Kernel = kernel,
            Initramfs = initramfs,
            Arguments = ["-drive", $"if=none,id=disk,format=raw,file={scratch.File("disk.img")}", "-device", "nvme,serial=probe,drive=disk,addr=5"],
        });
        guest.Run("modprobe -a vfio-pci vfio_iommu_type1");
        guest.Run("for i in $(seq 50); do [ -b /dev/nvme0n1 ] && exit 0; sleep 0.1; done; exit 1");
        string[] onLinux = Costs(guest.Run("vfiostorage cost 0000:00:05.0 2>&1", 120));
        guest.PowerOff();

        output.WriteLine($"seL4:\n{string.Join('\n', onSel4)}\nLinux:\n{string.Join('\n', onLinux)}");
        Assert.Equal(3, onSel4.Length);
        Assert.Equal(3, onLinux.Length);
    }

    private static string[] Costs(string text) => [.. text.Split('\n').Where(l => l.Contains(Cost, StringComparison.Ordinal)).Select(l => l[(l.IndexOf(Cost, StringComparison.Ordinal) + Cost.Length)..].Trim())];
}
