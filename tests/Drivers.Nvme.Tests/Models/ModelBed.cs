using Makatea.BlockContract;
using Makatea.EmulatedDevices;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.Nvme.Tests.Models;

/// <summary>QEMU's NVMe controller behind VT-d with the driver on it, and its disks as files that tests read from the host's side.</summary>
internal sealed class ModelBed : IDisposable
{
    internal const int DiskLength = 16 << 20;
    private readonly string _folder = Directory.CreateTempSubdirectory("makatea-nvme").FullName;
    private readonly EmulatedNvme _nvme;

    private ModelBed(Func<string, QemuMachineOptions> configure)
    {
        try
        {
            _nvme = new(configure(_folder));
        }
        catch
        {
            Directory.Delete(_folder, recursive: true);
            throw;
        }
    }

    internal LinuxHost Host { get; } = new();

    internal QemuMachine Machine => _nvme.Machine;

    internal PciFunction Function => _nvme.Function;

    internal NvmeController? Controller { get; private set; }

    /// <summary>One namespace in a file of zeroes.</summary>
    internal static ModelBed Start(int blockSize = 512, string properties = "") => new(folder => new QemuMachineOptions
    {
        Arguments = ["-blockdev", Raw("disk", File("file", Image(folder, 1)))],
        Devices = [$"nvme,id=nvme,serial=S1,drive=disk,logical_block_size={blockSize},physical_block_size={blockSize},discard_granularity={blockSize}{properties}"],
    });

    /// <summary>A controller in a slot, to be pulled out.</summary>
    internal static ModelBed StartInSlot() => new(folder => new QemuMachineOptions
    {
        Arguments = ["-blockdev", Raw("disk", File("file", Image(folder, 1)))],
        Devices = ["pcie-root-port,id=root1,chassis=1", "nvme,id=nvme,serial=S1,drive=disk,bus=root1"],
    });

    /// <summary>One namespace over a layer of QEMU's, such as <c>blkdebug</c>, that tests put into <paramref name="layer"/> for the file.</summary>
    internal static ModelBed StartOver(Func<string, string> layer, params string[] arguments) => new(folder => new QemuMachineOptions
    {
        Arguments = [.. arguments, "-blockdev", Raw("disk", layer(File("file", Image(folder, 1))))],
        Devices = ["nvme,id=nvme,serial=S1,drive=disk"],
    });

    /// <summary>One namespace whose writes and flushes QEMU logs, in their order, for <see cref="ReadLog"/>.</summary>
    internal static ModelBed StartLogged() => new(folder => new QemuMachineOptions
    {
        Arguments =
        [
            "-blockdev",
            $$"""{"driver":"blklogwrites","node-name":"disk","log-super-update-interval":1,"file":{{File("file", Image(folder, 1))}},"log":{{File("log", Log(folder))}}}""",
        ],
        Devices = ["nvme,id=nvme,serial=S1,drive=disk"],
    });

    /// <summary>A namespace for each set of properties.</summary>
    internal static ModelBed StartMany(params string[] properties) => new(folder => new QemuMachineOptions
    {
        Arguments = [.. properties.SelectMany((_, i) => new[] { "-blockdev", Raw($"disk{i + 1}", File($"file{i + 1}", Image(folder, i + 1))) })],
        Devices = ["nvme,id=nvme,serial=S1", .. properties.Select((p, i) => $"nvme-ns,drive=disk{i + 1},bus=nvme,nsid={i + 1},{p}")],
    });

    internal NvmeController Open(NvmeOptions? options = null) => Controller = NvmeController.Open(Function, options);

    internal QueueDriver OpenQueue(NvmeNamespace disk, int depth) => new(disk, depth, Host);

    /// <summary>What the host sees of a disk.</summary>
    internal byte[] ReadImage(int disk = 1) => System.IO.File.ReadAllBytes(Image(_folder, disk));

    /// <summary>What reached the disk of <see cref="StartLogged"/> so far.</summary>
    internal IReadOnlyList<LoggedRequest> ReadLog() => LoggedRequest.ParseAll(System.IO.File.ReadAllBytes(Log(_folder)));

    /// <summary>Compares what a load wrote with what the host sees of the disk.</summary>
    internal void CheckImage(DiskModel model, int disk = 1) => model.Check(0, ReadImage(disk).AsSpan(0, model.Sectors * BlockDevice.SectorSize));

    internal void WriteImage(byte[] bytes, int disk = 1)
    {
        using FileStream file = System.IO.File.OpenWrite(Image(_folder, disk));
        file.Write(bytes);
    }

    public void Dispose()
    {
        Controller?.Dispose();
        Directory.Delete(_folder, recursive: true);
        _nvme.Dispose();
    }

    internal static string File(string name, string path)
    {
        using (FileStream file = System.IO.File.OpenWrite(path))
        {
            file.SetLength(DiskLength);
        }

        return $$"""{"driver":"file","node-name":"{{name}}","filename":"{{path}}","discard":"unmap"}""";
    }

    private static string Raw(string name, string file) => $$"""{"driver":"raw","node-name":"{{name}}","discard":"unmap","detect-zeroes":"off","file":{{file}}}""";

    private static string Log(string folder) => Path.Combine(folder, "log");

    private static string Image(string folder, int disk) => Path.Combine(folder, $"disk{disk}");
}
