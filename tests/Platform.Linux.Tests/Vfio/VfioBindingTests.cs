namespace Makatea.Platform.Linux.Tests;

/// <summary>Taking functions from their drivers and giving them back.</summary>
public sealed class VfioBindingTests : IDisposable
{
    private const string Disk = "0000:01:00.0";
    private static readonly Dictionary<string, string> _ownDrivers = new() { [Disk] = "nvme" };
    private readonly FakeSysfs _sysfs = new();

    [Fact]
    public void A_function_is_taken_and_given_back_to_the_driver_that_it_had()
    {
        _sysfs.Add(Disk, 0x1b36, 0x0010, 0x010802, "nvme", 7);
        using var bus = new FakePciBus(_sysfs, _ownDrivers, "vfio-pci");
        using (VfioBinding binding = Bind(Disk))
        {
            Assert.Equal($"bound {Disk} to vfio-pci (it was nvme's); it is given back at the end", binding.Description);
            Assert.Equal("vfio-pci", Driver);
        }

        Assert.Equal(["-nvme", "+vfio-pci", "-vfio-pci", "+nvme"], bus.Moves);
        Assert.Equal("nvme", Driver);
        Assert.Equal("", Override);
    }

    [Fact]
    public void One_without_a_driver_has_none_afterwards()
    {
        _sysfs.Add(Disk, 0x1b36, 0x0010, 0x010802, null, 7);
        using var bus = new FakePciBus(_sysfs, _ownDrivers, "vfio-pci", "nvme");
        VfioBinding binding = Bind(Disk);
        Assert.Equal("vfio-pci", Driver);
        binding.Dispose();
        binding.Dispose();
        Wait(() => Driver is null);
        Assert.Equal(["+vfio-pci", "-vfio-pci"], bus.Moves);
    }

    [Fact]
    public void Somebody_elses_override_is_put_back()
    {
        _sysfs.Add(Disk, 0x1b36, 0x0010, 0x010802, "nvme", 7);
        File.WriteAllText(Path.Combine(_sysfs.Root, "bus/pci/devices", Disk, "driver_override"), "nvme\n");
        using var bus = new FakePciBus(_sysfs, new Dictionary<string, string>(), "vfio-pci");
        Bind(Disk).Dispose();
        Assert.Equal(("nvme", "nvme"), (Driver, Override));
    }

    [Fact]
    public void What_a_killed_program_left_is_given_to_the_kernels_choice()
    {
        _sysfs.Add(Disk, 0x1b36, 0x0010, 0x010802, "nvme", 7);
        using var bus = new FakePciBus(_sysfs, _ownDrivers, "vfio-pci");
        _ = Bind(Disk); // and nobody disposes of it

        // The next one leaves it where it is, and says what there is to do.
        using VfioBinding next = Bind(Disk);
        Assert.True(next.WasBound);
        Assert.Contains($"already and stays so; 'makatea devices --give-back {Disk}'", next.Description, StringComparison.Ordinal);
        next.Dispose();
        Assert.Equal("vfio-pci", Driver);

        Assert.Equal("nvme", VfioBinding.GiveBack(_sysfs.Root, At(Disk)));
        Assert.Equal(("nvme", ""), (Driver, Override));
        Assert.Contains("is nvme's; there is nothing to give back", Assert.Throws<IOException>(() => VfioBinding.GiveBack(_sysfs.Root, At(Disk))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_whose_driver_is_not_loaded_is_given_back_to_nobody()
    {
        _sysfs.Add(Disk, 0x1b36, 0x0010, 0x010802, "vfio-pci", 7);
        using var bus = new FakePciBus(_sysfs, _ownDrivers);
        Assert.Null(VfioBinding.GiveBack(_sysfs.Root, At(Disk)));
        Assert.Null(Driver);

        // And to it, once it is.
        Directory.CreateDirectory(Path.Combine(_sysfs.Root, "bus/pci/drivers/nvme"));
        Assert.Equal("nvme", VfioBinding.GiveBack(_sysfs.Root, At(Disk)));
    }

    [Fact]
    public void A_function_is_taken_for_nobody()
    {
        _sysfs.Add(Disk, 0x1b36, 0x0010, 0x010802, "nvme");
        using var bus = new FakePciBus(_sysfs, _ownDrivers);
        using (var binding = VfioBinding.Take(_sysfs.Root, _sysfs.Proc, At(Disk), null))
        {
            Wait(() => Driver is null);
            Assert.Equal($"took {Disk} from its driver (it was nvme's); it is given back at the end", binding.Description);
            Assert.Equal("none", Override);
        }

        Assert.Equal(["-nvme", "+nvme"], bus.Moves);
        Assert.Equal("", Override);
    }

    [Fact]
    public void Says_why_it_does_not_bind()
    {
        _sysfs.Add(Disk, 0x1b36, 0x0010, 0x010802, "nvme", 7);
        Assert.Contains("there is no function 0000:02:00.0", Refusal("0000:02:00.0"), StringComparison.Ordinal);
        Assert.Contains("modprobe vfio-pci", Refusal(Disk), StringComparison.Ordinal);
        _sysfs.AddDisk(Disk, "nvme0n1", "259:0");
        _sysfs.WriteProc("self/mountinfo", "30 22 259:0 / /mnt rw,relatime - ext4 /dev/nvme0n1 rw\n");
        Assert.Contains("nvme0n1 is mounted on /mnt; end that first", Refusal(Disk), StringComparison.Ordinal);
        Assert.Equal("(null)", Override);
    }

    [Fact]
    public void One_that_vfio_does_not_take_has_its_driver_again()
    {
        _sysfs.Add(Disk, 0x1b36, 0x0010, 0x010802, "nvme", 7);
        using var bus = new FakePciBus(_sysfs, _ownDrivers, "vfio-pci");
        string probe = Path.Combine(_sysfs.Root, "bus/pci/drivers_probe");
        Directory.CreateDirectory(probe); // Writing to it fails, as with a kernel that refuses.
        Assert.Contains("cannot bind " + Disk, Refusal(Disk), StringComparison.Ordinal);
        Assert.Equal("", Override);
    }

    public void Dispose() => _sysfs.Dispose();

    private string? Driver => SysfsPci.DriverOf(_sysfs.Root, At(Disk));

    private string Override => File.ReadAllText(Path.Combine(_sysfs.Root, "bus/pci/devices", Disk, "driver_override")).Trim();

    private static PciAddress At(string text) => PciAddress.TryParse(text, out PciAddress address) ? address : throw new ArgumentException(text);

    private static void Wait(Func<bool> holds) => Assert.True(SpinWait.SpinUntil(holds, TimeSpan.FromSeconds(10)));

    private VfioBinding Bind(string address) => VfioBinding.Take(_sysfs.Root, _sysfs.Proc, At(address), "vfio-pci");

    private string Refusal(string address) => Assert.Throws<IOException>(() => Bind(address)).Message;
}
