using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Makatea.Cli;
using Makatea.Qemu;
using Makatea.Sel4.Image.Boards;
using Makatea.Sel4.Image.Modules;

namespace Makatea.Commands;

/// <summary><c>makatea boot MODULE</c>: starts a boot module on the board's kernel, in QEMU, with the console on this terminal.</summary>
internal static class BootCommand
{
    private static readonly Argument<string> _module = new("MODULE") { Description = "What 'makatea image' wrote." };
    private static readonly Option<string?> _board = new("--board") { Description = BoardArgument.Description, HelpName = "DIR" };
    private static readonly Option<string?> _disk = new("--disk") { Description = "Raw file behind the machine's NVMe controller; by default it stores nothing.", HelpName = "FILE" };
    private static readonly Option<int> _memory = new("--memory") { Description = "MiB of memory, by default 512.", HelpName = "MIB", DefaultValueFactory = _ => 512 };
    private static readonly Option<string?> _qemu = new("--qemu") { Description = "QEMU's executable; by default qemu-system-x86_64 on PATH.", HelpName = "PATH" };

    public static Command Create()
    {
        _memory.Validators.Add(r =>
        {
            if (r.GetValueOrDefault<int>() is < 64 or > 65536)
            {
                r.AddError($"found --memory {r.GetValueOrDefault<int>()}, expected 64 to 65536 MiB");
            }
        });
        var command = new Command("boot", "Start a boot module on the board's kernel in QEMU: VT-d, an NVMe controller, an 82574L; the console is this terminal. Ctrl-C ends it.") { _module, _board, _disk, _memory, _qemu };
        command.SetAction(result =>
        {
            string module = Path.GetFullPath(result.GetRequiredValue(_module));
            var board = BoardFolder.Open(BoardArgument.Resolve(result.GetValue(_board)));
            Check(module, board);
            string? disk = result.GetValue(_disk) is { } asked ? Path.GetFullPath(asked) : null;
            return Run(QemuProgram.Find(result.GetValue(_qemu)), Sel4Machine.Arguments(board.Kernel32!, module, disk, result.GetValue(_memory)));
        });
        return command;
    }

    /// <summary>A module made for another kernel would make the wrong system calls.</summary>
    private static void Check(string module, BoardFolder board)
    {
        (ulong[] values, _) = BootModule.Read(module, File.ReadAllBytes(module));
        if (!board.Table.Values.SequenceEqual(values))
        {
            throw new CommandException($"{module} was made for another kernel than that in {board.Path}; make it with --board {board.Path}, or name the board that it was made for");
        }
    }

    private static int Run(string qemu, IReadOnlyList<string> arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(qemu, arguments)) ?? throw new CommandException($"{qemu} did not start");
        // From the terminal both get Ctrl-C and QEMU ends by itself; SIGTERM comes here alone.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, c => c.Cancel = true);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, c =>
        {
            c.Cancel = true;
            process.Kill();
        });
        process.WaitForExit();
        return process.ExitCode == 0 ? ExitCode.Success : ExitCode.Failure;
    }
}
