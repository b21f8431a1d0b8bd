using System.Runtime.InteropServices;
using Makatea.Imaging;
using Makatea.Qemu;

namespace Makatea.Bochs;

/// <summary>
/// The machine in which a kernel with VT-x is started: a PC with a Haswell processor, which Bochs emulates with VMX and EPT. It has no IOMMU and no NVMe controller. GRUB starts the kernel from a CD image.
/// </summary>
internal sealed class BochsMachine : ISel4Emulator
{
    // Debian's Bochs starts in its debugger, which goes on at this command.
    private const string DebuggerCommands = "c\n";
    private const int ConsoleDescriptor = 3;
    private const int DisplayDescriptor = 1;
    private const int InstructionsPerSecond = 50_000_000;

    private readonly string _program;
    private readonly int _memory;
    private readonly DirectoryInfo _files;

    /// <summary>Makes the CD image.</summary>
    /// <param name="kernel">The kernel, a 32-bit ELF file.</param>
    /// <param name="module">The boot module.</param>
    /// <param name="memory">MiB of memory.</param>
    public BochsMachine(string kernel, byte[] module, int memory)
    {
        _program = BochsProgram.Find();
        _memory = memory;
        _files = Directory.CreateTempSubdirectory("makatea-bochs-");
        try
        {
            GrubIso.Write(kernel, module, Image);
            File.WriteAllText(Commands, DebuggerCommands);
            File.WriteAllLines(Configuration, Describe());
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Program => _program;

    /// <inheritdoc/>
    public IReadOnlyList<string> Arguments => ["-q", "-f", Configuration, "-rc", Commands];

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Environment { get; } = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin", ["TERM"] = "vt100" };

    /// <inheritdoc/>
    /// <remarks>The display and the debugger write to the other two.</remarks>
    public IReadOnlyDictionary<int, SafeHandle> Descriptors(SafeHandle console, SafeHandle complaints) =>
        new Dictionary<int, SafeHandle> { [0] = Null, [DisplayDescriptor] = Null, [2] = Null, [ConsoleDescriptor] = console };

    /// <inheritdoc/>
    /// <remarks>Bochs does not end by a signal that it can catch, and there is nothing to write back.</remarks>
    public bool IsKilled => true;

    private string Image => Path.Combine(_files.FullName, "cd.iso");

    private string Commands => Path.Combine(_files.FullName, "commands");

    private string Configuration => Path.Combine(_files.FullName, "bochsrc");

    private SafeHandle Null { get; } = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);

    /// <inheritdoc/>
    public void Dispose()
    {
        Null.Dispose();
        _files.Delete(recursive: true);
    }

    private IEnumerable<string> Describe() =>
    [
        "display_library: term", "config_interface: textconfig", "plugin_ctrl: voodoo=0", "sound: driver=dummy",
        $"megs: {_memory}",
        $"romimage: file={BochsProgram.Bios}", $"vgaromimage: file={BochsProgram.VideoBios}",
        $"cpu: model=corei7_haswell_4770, count=1, ips={InstructionsPerSecond}, reset_on_triple_fault=0, ignore_bad_msrs=1",

        // The timers count what the processor executes: a guest sees the same times on any host, loaded or not.
        "clock: sync=none",
        "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14", $"ata0-master: type=cdrom, path={Image}, status=inserted", "boot: cdrom",
        $"com1: enabled=1, mode=file, dev=/proc/self/fd/{ConsoleDescriptor}",
        "log: /dev/null", "panic: action=fatal", "error: action=ignore", "info: action=ignore",
    ];
}
