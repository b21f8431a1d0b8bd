using System.CommandLine;
using System.Globalization;
using System.Text;
using Makatea.Bochs;
using Makatea.Cli;
using Makatea.Imaging;
using Makatea.Qemu;
using Makatea.Sel4;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Manifests;
using Makatea.Sel4.Image.Modules;
using Makatea.Systems;

namespace Makatea.Commands;

/// <summary><c>makatea boot MODULE</c>: starts a boot module on the board's kernel, in QEMU or Bochs, with the console on standard output.</summary>
internal static class BootCommand
{
    private const int LeastMemory = 64;
    private const string Qemu = "qemu";
    private const string Bochs = "bochs";

    private static readonly Argument<string> _module = new("MODULE") { Description = "What 'makatea image' wrote." };
    private static readonly Option<string?> _board = new("--board") { Description = BoardArgument.Description, HelpName = "DIR" };
    private static readonly Option<string[]> _disks = new("--disk") { Description = "Raw file behind the machine's NVMe controller; may be repeated, for a namespace each. By default one that stores nothing.", HelpName = "FILE" };
    private static readonly Option<int?> _memory = new("--memory") { Description = "MiB of memory; by default what the module needs, and at least 512.", HelpName = "MIB" };

    private static readonly Option<string> _network = new("--net")
    {
        Description = "Where the 82574L's wire goes: isolated (QEMU's own network, which reaches nobody), user (the same, which reaches what this machine reaches, itself as 10.0.2.2), none, or a UNIX socket with connect:PATH or listen:PATH, each frame behind its length in 4 bytes.",
        HelpName = "WIRE",
        DefaultValueFactory = _ => Sel4Machine.Isolated,
    };

    private static readonly Option<string?> _until = new("--until") { Description = "End with status 0 when a line of the console has this text, and with 1 where it never comes.", HelpName = "TEXT" };
    private static readonly Option<double?> _timeout = new("--timeout") { Description = "End after so many seconds.", HelpName = "SECONDS" };
    private static readonly Option<bool> _kernel = new("--kernel-log") { Description = "Show what the kernel says before it starts the root task." };
    private static readonly Option<string> _emulator = new("--emulator") { Description = "What emulates the machine: qemu, or bochs, whose processor has VT-x and EPT, but whose machine has no IOMMU and no NVMe controller.", HelpName = "NAME", DefaultValueFactory = _ => Qemu };
    private static readonly Option<string?> _qemu = new("--qemu") { Description = "QEMU's executable; by default qemu-system-x86_64 on PATH.", HelpName = "PATH" };

    public static Command Create()
    {
        _memory.Validators.Add(r =>
        {
            if (r.GetValueOrDefault<int?>() is < LeastMemory or > 65536)
            {
                r.AddError($"found --memory {r.GetValueOrDefault<int?>()}, expected {LeastMemory} to 65536 MiB");
            }
        });
        _timeout.Validators.Add(r =>
        {
            if (r.GetValueOrDefault<double?>() is <= 0 or > 1e6 or double.NaN)
            {
                r.AddError($"found --timeout {r.GetValueOrDefault<double?>()}, expected seconds, more than 0");
            }
        });
        _network.Validators.Add(r =>
        {
            if (!Sel4Machine.IsNetwork(r.GetValueOrDefault<string>()))
            {
                r.AddError($"found --net {r.GetValueOrDefault<string>()}, expected isolated, user, none, connect:PATH or listen:PATH");
            }
        });
        _emulator.AcceptOnlyFromAmong(Qemu, Bochs);
        var command = new Command("boot", "Start a boot module on the board's kernel in QEMU: VT-d, an NVMe controller, an 82574L; the console is standard output. Ctrl-C ends it.")
        {
            _module, _board, _disks, _memory, _network, _until, _timeout, _kernel, _emulator, _qemu,
        };
        command.SetAction(Boot);
        return command;
    }

    private static int Boot(ParseResult result)
    {
        string module = Path.GetFullPath(result.GetRequiredValue(_module));
        var board = BoardFolder.Open(BoardArgument.Resolve(result.GetValue(_board)));
        int needed = Check(module, board);
        int memory = result.GetValue(_memory) ?? Math.Max((int)(ComponentDefaults.MachineMemory >> 20), needed);
        if (memory < needed)
        {
            throw new CommandException($"{module} needs {needed} MiB and is given {memory}; give it more by --memory");
        }

        string[] disks = [.. (result.GetValue(_disks) ?? []).Select(Path.GetFullPath)];
        if (disks.FirstOrDefault(d => !File.Exists(d)) is { } missing)
        {
            throw new CommandException($"found no disk at {missing}; make one by: truncate -s 1G {missing}");
        }

        bool isBochs = result.GetValue(_emulator) == Bochs;
        if (isBochs && (disks.Length != 0 || result.GetValue(_qemu) is not null || result.GetRequiredValue(_network) != Sel4Machine.Isolated))
        {
            throw new CommandException("found --emulator bochs together with --disk, --net or --qemu, which are QEMU's alone; leave them out", ExitCode.Usage);
        }

        var machine = new Sel4Machine { Kernel = board.Kernel32!, Module = module, Disks = disks, Memory = memory, Network = result.GetRequiredValue(_network) };
        byte[]? until = result.GetValue(_until) is { Length: > 0 } text ? Encoding.UTF8.GetBytes(text) : null;
        TimeSpan? timeout = result.GetValue(_timeout) is { } seconds ? TimeSpan.FromSeconds(seconds) : null;
        TextWriter notes = result.InvocationConfiguration.Error;
        notes.WriteLine($"makatea: {(isBochs ? $"{memory} MiB, VT-x" : Describe(machine))}; {End(until is not null, timeout)}");
        using Stream output = Console.OpenStandardOutput();
        using ISel4Emulator emulator = isBochs ? new BochsMachine(board.Kernel32!, File.ReadAllBytes(module), memory) : new QemuSel4(QemuProgram.Find(result.GetValue(_qemu)), machine);
        Sel4End end = Sel4Run.Run(emulator, output, notes, until, timeout, result.GetValue(_kernel));
        return Conclude(end, until is not null, timeout, notes);
    }

    /// <summary>A module made for another kernel would make the wrong system calls.</summary>
    /// <returns>MiB of memory that it needs.</returns>
    private static int Check(string module, BoardFolder board)
    {
        byte[] bytes = File.ReadAllBytes(module);
        (ulong[] values, IReadOnlyList<ArchiveFile> files) = BootModule.Read(module, bytes);
        if (!board.Table.Values.SequenceEqual(values))
        {
            throw new CommandException($"{module} was made for another kernel than that in {board.Path}; make it with --board {board.Path}, or name the board that it was made for");
        }

        if (files.FirstOrDefault(f => f.Name == ManifestLayout.FileName) is not { } file)
        {
            return LeastMemory;
        }

        var manifest = Manifest.Parse(file.Contents.Span);
        return (int)(MemoryBudget.OfImage(manifest.Components.Select(c => MemoryBudget.OfComponent(c, [], board.Table)), manifest.Regions, bytes.Length) >> 20);
    }

    private static string Describe(Sel4Machine machine)
    {
        string disks = machine.Disks.Count == 0 ? "a disk that stores nothing" : string.Join(", ", machine.Disks.Select(Path.GetFileName));
        string wire = machine.Network switch
        {
            Sel4Machine.Isolated => "a network of its own",
            Sel4Machine.UserNetwork => "a network that reaches what this machine reaches",
            Sel4Machine.None => "no network",
            { } socket => socket,
        };
        return $"{machine.Memory} MiB, NVMe {Sel4Devices.Nvme} with {disks}, 82574L {Sel4Devices.Adapter} on {wire}";
    }

    private static string End(bool hasText, TimeSpan? timeout)
    {
        string[] ends =
        [
            "Ctrl-C ends it",
            .. hasText ? (string[])["so does the text"] : [],
            .. timeout is { } time ? (string[])[$"so do {time.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s"] : [],
        ];
        return string.Join(", ", ends);
    }

    private static int Conclude(Sel4End end, bool hasText, TimeSpan? timeout, TextWriter notes)
    {
        switch (end)
        {
            case Sel4End.Found:
                return ExitCode.Success;
            case Sel4End.TimedOut when !hasText:
                notes.WriteLine("makatea: the time is over");
                return ExitCode.Success;
            case Sel4End.TimedOut:
                notes.WriteLine($"makatea: the text did not come in {timeout!.Value.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s");
                return ExitCode.Failure;
            case Sel4End.Interrupted:
                return hasText ? ExitCode.Failure : ExitCode.Success;
            default:
                notes.WriteLine("makatea: the emulator ended by itself");
                return ExitCode.Failure;
        }
    }
}
