namespace Makatea.Platform.Linux.Tests;

/// <summary>Moving interrupts of functions that were handed out.</summary>
public sealed class InterruptAffinityTests : IDisposable
{
    private const string Disk = "0000:01:00.0";
    private readonly FakeSysfs _sysfs = new();
    private readonly InterruptAffinity _affinity;

    public InterruptAffinityTests()
    {
        _sysfs.Add(Disk, 0x1b36, 0x0010, 0x010802, "vfio-pci", 7);
        Assert.True(PciAddress.TryParse(Disk, out PciAddress address));
        _affinity = new InterruptAffinity(_sysfs.Root, _sysfs.Proc, address);
    }

    [Theory]
    [InlineData("vfio-msix")]
    [InlineData("vfio-msi")]
    public void A_vector_is_moved(string kind)
    {
        AddInterrupt(29, $"{kind}[0]({Disk})");
        AddInterrupt(30, $"{kind}[1]({Disk})");
        Assert.True(_affinity.Move(1, 3));
        Assert.Equal(("0-7\n", "3"), (List(29), List(30)));
        Assert.True(_affinity.Move(1, 2));
        Assert.Equal("2", List(30));
    }

    [Fact]
    public void One_that_is_there_is_left_there()
    {
        AddInterrupt(30, $"vfio-msix[1]({Disk})");
        File.WriteAllText(ListFile(30), "3\n");
        DateTime longAgo = new(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(ListFile(30), longAgo);
        Assert.True(_affinity.Move(1, 3));
        Assert.Equal(longAgo, File.GetLastWriteTimeUtc(ListFile(30)));
    }

    [Fact]
    public void A_number_that_is_somebody_elses_by_now_is_left_alone()
    {
        AddInterrupt(30, $"vfio-msix[1]({Disk})");
        Assert.True(_affinity.Move(1, 3));
        Directory.Delete(Path.Combine(_sysfs.Proc, $"irq/30/vfio-msix[1]({Disk})"));
        Directory.CreateDirectory(Path.Combine(_sysfs.Proc, "irq/30/eth0-rx-1"));
        Assert.False(_affinity.Move(1, 2));
        Assert.Equal("3", List(30));

        AddInterrupt(41, $"vfio-msix[1]({Disk})");
        Assert.True(_affinity.Move(1, 2));
        Assert.Equal(("3", "2"), (List(30), List(41)));
    }

    [Fact]
    public void A_vector_that_nobody_uses_is_none() => Assert.False(_affinity.Move(1, 3));

    [Fact]
    public void Says_what_the_kernel_refuses()
    {
        AddInterrupt(30, $"vfio-msix[1]({Disk})");
        File.Delete(ListFile(30));
        Directory.CreateDirectory(ListFile(30)); // Writing to it fails.
        string message = Assert.Throws<IOException>(() => _affinity.Move(1, 3)).Message;
        Assert.StartsWith($"cannot have vector 1 of {Disk} raised on processor 3: {ListFile(30)}: ", message, StringComparison.Ordinal);
    }

    public void Dispose() => _sysfs.Dispose();

    private string ListFile(int number) => Path.Combine(_sysfs.Proc, $"irq/{number}/smp_affinity_list");

    private string List(int number) => File.ReadAllText(ListFile(number));

    private void AddInterrupt(int number, string handler)
    {
        string numbers = Path.Combine(_sysfs.Root, "bus/pci/devices", Disk, "msi_irqs");
        Directory.CreateDirectory(numbers);
        File.WriteAllText(Path.Combine(numbers, $"{number}"), "msix\n");
        Directory.CreateDirectory(Path.Combine(_sysfs.Proc, $"irq/{number}/{handler}"));
        _sysfs.WriteProc($"irq/{number}/smp_affinity_list", "0-7\n");
    }
}
