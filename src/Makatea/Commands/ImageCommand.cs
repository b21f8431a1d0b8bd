using System.CommandLine;
using System.Text.Json;
using Makatea.Cli;
using Makatea.Imaging;
using Makatea.Sel4.Image.Boards;
using Makatea.Systems;
using Makatea.Views;
using Spectre.Console;

namespace Makatea.Commands;

/// <summary><c>makatea image SYSTEM.yaml</c>: makes of a system what a seL4 kernel starts.</summary>
internal static class ImageCommand
{
    private static readonly Argument<string> _file = SystemFileArgument.Create();
    private static readonly Option<string?> _board = new("--board") { Description = BoardArgument.Description, HelpName = "DIR" };
    private static readonly Option<string> _output = new("--output", "-o") { Description = "Where the boot module is written.", HelpName = "FILE", Required = true };
    private static readonly Option<string?> _iso = new("--iso") { Description = "Write a CD image, too, with the kernel and GRUB, which boots on a PC (BIOS).", HelpName = "FILE" };
    private static readonly Option<bool> _json = new("--json") { Description = "Print JSON in the place of tables: sizes of programs, what components get." };

    public static Command Create()
    {
        var command = new Command("image", "Make one boot module of a system for seL4: build its components' programs ahead of time and pack them behind the root task.\n\n" +
            "What did not change since the last image is not built again. What cannot work on seL4 is said here, not at boot. 'makatea boot' starts the module in QEMU.")
        {
            _file, _board, _output, _iso, _json,
        };
        command.SetAction(Make);
        return command;
    }

    private static int Make(ParseResult result)
    {
        TextWriter output = result.InvocationConfiguration.Output;
        string file = result.GetRequiredValue(_file);
        SystemDescription system = SystemFileArgument.Load(file);
        Platforms.RequireSel4(system, file);
        var board = BoardFolder.Open(BoardArgument.Resolve(result.GetValue(_board)));
        string path = result.GetRequiredValue(_output);
        if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(path))))
        {
            throw new CommandException($"found no directory to write {path} in; make it first", ExitCode.Usage);
        }

        var progress = new BuildProgress(result.InvocationConfiguration.Error, !Console.IsErrorRedirected);
        var image = SystemImage.Build(SystemExpansion.Expand(system), board, new ProgramBuilder(Sources.Find(), progress), path);
        File.WriteAllBytes(path, image.Module);
        if (result.GetValue(_iso) is { } iso)
        {
            GrubIso.Write(board.Kernel32!, image.Module, iso);
        }

        if (result.GetValue(_json))
        {
            output.WriteLine(JsonSerializer.Serialize(image.Report, ImageReportJson.Default.ImageReport));
            return ExitCode.Success;
        }

        IAnsiConsole console = StatusTable.ConsoleFor(output);
        console.Write(ImageTable.Programs(image.Report));
        console.Write(ImageTable.Components(image.Report));
        image.Report.Warnings.ToList().ForEach(w => output.WriteLine($"warning: {w}"));
        output.WriteLine($"{path}: {image.Report.Length / 1024:N0} KiB, needs {image.Report.Memory >> 20} of {image.Report.MachineMemory >> 20} MiB; it starts by\n  {BootLine(system, path, result.GetValue(_board))}");
        return ExitCode.Success;
    }

    private static string BootLine(SystemDescription system, string path, string? board)
    {
        IEnumerable<string> disks = system.Domains.Where(d => d.IsEmulated).SelectMany(d => d.Namespaces).Select(n => $" --disk {Near(n.Value)}");
        return $"makatea boot {path}{(board is null ? "" : $" --board {board}")}{string.Concat(disks)}";
    }

    /// <summary>A path as short as it is clear.</summary>
    private static string Near(string path) => Path.GetRelativePath(".", path) is { } relative && !relative.StartsWith("..", StringComparison.Ordinal) ? relative : path;
}
