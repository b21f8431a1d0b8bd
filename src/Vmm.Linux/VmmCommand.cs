using System.CommandLine;
using Makatea.Platform;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Linux.Monitor;
using Makatea.Vmm.Snapshots;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Linux;

/// <summary>The command line.</summary>
internal static class VmmCommand
{
    private static readonly Option<FileInfo> _kernel = new("--kernel") { Description = "Boot this kernel: a bzImage, or an ELF file with a PVH entry.", HelpName = "FILE" };
    private static readonly Option<FileInfo> _restore = new("--restore") { Description = "Go on from this snapshot, which has its own --memory, --cpus and --transport; disks are given again, in their order. --kernel is what a reset starts.", HelpName = "FILE" };
    private static readonly Option<FileInfo> _initramfs = new("--initramfs", "--initrd") { Description = "The initial file system.", HelpName = "FILE" };
    private static readonly Option<string> _commandLine = new("--cmdline", "--append") { Description = "The kernel's command line.", HelpName = "WORDS", DefaultValueFactory = _ => "console=ttyS0" };
    private static readonly Option<ulong> _memory = new("--memory", "-m") { Description = "Memory in MiB, an even number.", HelpName = "MIB", DefaultValueFactory = _ => 256 };
    private static readonly Option<int> _processors = new("--cpus", "--smp") { Description = "Number of processors, 1 to 255.", HelpName = "N", DefaultValueFactory = _ => 1 };
    private static readonly Option<string[]> _disks = new("--disk") { Description = "A disk that a vhost-user-blk back end serves on a UNIX socket; for several disks, several times.", HelpName = "SOCKET", DefaultValueFactory = _ => [] };
    private static readonly Option<NetOption[]> _nets = new("--net") { Description = $"A network interface that a vhost-user-net back end serves on a UNIX socket, and its Ethernet address: {NetOption.Form}. With server=on the back end connects to us. For several, several times.", HelpName = NetOption.Form, DefaultValueFactory = _ => [], CustomParser = NetOption.ParseAll };
    private static readonly Option<VirtioTransport> _transport = new("--transport") { Description = "How the guest reaches its devices: pci, or mmio as on QEMU's microvm.", HelpName = "pci|mmio" };
    private static readonly Option<string> _console = new("--console") { Description = "The serial console is on this UNIX socket, or on the one that was inherited as descriptor N; else it is standard input and output.", HelpName = "SOCKET|fd:N" };
    private static readonly Option<string> _consoleLog = new("--console-log") { Description = "Add all that the serial console says to this file.", HelpName = "FILE" };
    private static readonly Option<string> _monitor = new("--qmp") { Description = "Take QEMU's machine protocol (QMP) on this UNIX socket, or on the one that was inherited as descriptor N.", HelpName = "SOCKET|fd:N" };
    private static readonly Option<bool> _paused = new("--paused", "-S") { Description = "Begin when 'cont' comes on --qmp." };

    /// <summary>The command.</summary>
    public static RootCommand Create()
    {
        var root = new RootCommand("Runs a qube on KVM until it powers off. Its serial console is standard input and output, unless it is elsewhere; on a terminal Ctrl-] ends it.")
        {
            _kernel, _restore, _initramfs, _commandLine, _memory, _processors, _disks, _nets, _transport, _console, _consoleLog, _monitor, _paused,
        };
        _kernel.AcceptExistingOnly();
        _restore.AcceptExistingOnly();
        _initramfs.AcceptExistingOnly();
        _processors.Validators.Add(result =>
        {
            if (result.Tokens.Count != 0 && (!int.TryParse(result.Tokens[0].Value, out int count) || count is < 1 or > 255))
            {
                result.AddError($"found --cpus {result.Tokens[0].Value}, expected 1 to 255");
            }
        });
        root.Validators.Add(result =>
        {
            if (result.GetResult(_kernel) is null && result.GetResult(_restore) is null)
            {
                result.AddError("found neither --kernel nor --restore, expected one of them");
            }
        });
        root.SetAction(async result =>
        {
            try
            {
                return await RunAsync(result);
            }
            catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or GrantException or BootException or VirtioFrontEndException)
            {
                await Console.Error.WriteLineAsync($"makatea-vmm: {e.Message}");
                return 1;
            }
        });
        return root;
    }

    private static async Task<int> RunAsync(ParseResult result)
    {
        using FileStream? restored = result.GetValue(_restore)?.OpenRead();
        Snapshot? snapshot = restored is null ? null : Snapshot.Open(restored);
        using var program = new QubeProgram(snapshot?.Memory ?? checked(result.GetRequiredValue(_memory) << 20), result.GetValue(_paused));
        using FileImage? kernel = result.GetValue(_kernel) is { } image ? new FileImage(image) : null;
        using FileImage? initramfs = result.GetValue(_initramfs) is { } file ? new FileImage(file) : null;
        foreach (string disk in result.GetRequiredValue(_disks))
        {
            program.AddDisk(disk);
        }

        Array.ForEach(result.GetRequiredValue(_nets), program.AddNet);

        using MonitorServer? monitor = result.GetValue(_monitor) is { } socket ? new MonitorServer(Listeners.Open(socket), [.. QubeCommands.Of(program), .. DeviceCommands.Of(program)], TimeProvider.System) : null;
        program.Happened += what => monitor?.Tell(what);
        program.Began += () => monitor?.Start();
        using QubeConsole console = OpenConsole(result, program);
        return await program.RunAsync(
            new QubeOptions
            {
                Memory = program.Memory,
                Layout = program.Layout,
                Processors = snapshot?.Processors ?? result.GetRequiredValue(_processors),
                Snapshot = snapshot,
                Kernel = kernel,
                Initramfs = initramfs,
                CommandLine = result.GetRequiredValue(_commandLine),
                Transport = snapshot?.Transport ?? result.GetValue(_transport),
            },
            console);
    }

    private static QubeConsole OpenConsole(ParseResult result, QubeProgram program)
    {
        string? socket = result.GetValue(_console);
        string? log = result.GetValue(_consoleLog);
        return socket is null && log is null
            ? new TerminalConsole(() => program.End("host-ui"))
            : new SocketConsole(socket is null ? null : Listeners.Open(socket), log is null ? null : new FileStream(log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite));
    }
}
