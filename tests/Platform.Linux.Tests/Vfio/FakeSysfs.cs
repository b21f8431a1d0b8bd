namespace Makatea.Platform.Linux.Tests;

/// <summary>A folder laid out as sysfs and proc are, with as much of them as the tests need.</summary>
internal sealed class FakeSysfs : IDisposable
{
    /// <summary>Makes an empty one.</summary>
    public FakeSysfs()
    {
        Root = Directory.CreateTempSubdirectory("sysfs").FullName;
        Directory.CreateDirectory(Path.Combine(Root, "bus/pci/devices"));
        Directory.CreateDirectory(Path.Combine(Root, "bus/pci/drivers"));
    }

    /// <summary>Where sysfs is.</summary>
    public string Root { get; }

    /// <summary>Where proc is.</summary>
    public string Proc => Path.Combine(Root, "proc");

    /// <summary>Adds a function.</summary>
    public void Add(string address, uint vendor, uint device, uint classCode, string? driver = null, int? group = null, string groupType = "DMA")
    {
        string folder = Path.Combine(Root, "devices/pci0000:00", address);
        Directory.CreateDirectory(folder);
        File.CreateSymbolicLink(Path.Combine(Root, "bus/pci/devices", address), folder);
        Write($"{folder}/vendor", $"0x{vendor:x4}\n");
        Write($"{folder}/device", $"0x{device:x4}\n");
        Write($"{folder}/class", $"0x{classCode:x6}\n");
        Write($"{folder}/revision", "0x02\n");
        Write($"{folder}/subsystem_vendor", "0x1af4\n");
        Write($"{folder}/subsystem_device", "0x1100\n");
        Write($"{folder}/driver_override", "(null)\n");
        if (driver is not null)
        {
            string drivers = Path.Combine(Root, "bus/pci/drivers", driver);
            Directory.CreateDirectory(drivers);
            File.CreateSymbolicLink($"{folder}/driver", drivers);
        }

        if (group is { } number)
        {
            string members = Path.Combine(Root, $"kernel/iommu_groups/{number}/devices");
            Directory.CreateDirectory(members);
            Write(Path.Combine(Root, $"kernel/iommu_groups/{number}/type"), groupType + "\n");
            File.CreateSymbolicLink(Path.Combine(members, address), folder);
            File.CreateSymbolicLink($"{folder}/iommu_group", Path.Combine(Root, $"kernel/iommu_groups/{number}"));
            Directory.CreateDirectory(Path.Combine(Root, "class/iommu/dmar0"));
            File.CreateSymbolicLink($"{folder}/iommu", Path.Combine(Root, "class/iommu/dmar0"));
        }
    }

    /// <summary>Adds a disk of a function.</summary>
    public void AddDisk(string address, string name, string number)
    {
        string folder = Path.Combine(Root, "devices/pci0000:00", address, "nvme/nvme0", name);
        Directory.CreateDirectory($"{folder}/holders");
        Write($"{folder}/dev", number + "\n");
        Directory.CreateDirectory(Path.Combine(Root, "class/block"));
        File.CreateSymbolicLink(Path.Combine(Root, "class/block", name), folder);
    }

    /// <summary>Adds a network interface of a function.</summary>
    public void AddInterface(string address, string name, bool isUp)
    {
        string folder = Path.Combine(Root, "devices/pci0000:00", address, "net", name);
        Directory.CreateDirectory(folder);
        Write($"{folder}/flags", isUp ? "0x1003\n" : "0x1002\n");
        Directory.CreateDirectory(Path.Combine(Root, "class/net"));
        File.CreateSymbolicLink(Path.Combine(Root, "class/net", name), folder);
    }

    /// <summary>Writes a file of proc.</summary>
    public void WriteProc(string name, string text) => Write(Path.Combine(Proc, name), text);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
