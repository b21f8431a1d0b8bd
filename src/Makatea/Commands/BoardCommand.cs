using System.CommandLine;
using System.Text.Json;
using Makatea.Cli;
using Makatea.Sel4.Image.Boards;
using Makatea.Views;

namespace Makatea.Commands;

/// <summary><c>makatea board</c>: what a board folder holds, and whether Makatea runs on its kernel.</summary>
internal static class BoardCommand
{
    private static readonly Argument<string?> _folder = new("DIR") { Description = BoardArgument.Description, Arity = ArgumentArity.ZeroOrOne };

    private static readonly Option<bool> _json = new("--json") { Description = "Print JSON: files, configuration, problems, and the numbers that images are told of the kernel." };

    public static Command Create()
    {
        var command = new Command("board", "Show the seL4 kernel in a board folder, and whether it fits: exit status 1 where it does not.") { _folder, _json };
        command.SetAction(result =>
        {
            var board = BoardFolder.Inspect(BoardArgument.Resolve(result.GetValue(_folder)));
            Print(board, result.GetValue(_json), result.InvocationConfiguration.Output);
            return board.Fits ? ExitCode.Success : ExitCode.Failure;
        });
        return command;
    }

    private static void Print(BoardFolder board, bool json, TextWriter output)
    {
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(BoardReport.Of(board), BoardReportJson.Default.BoardReport));
            return;
        }

        output.WriteLine($"folder   {board.Path}");
        output.WriteLine($"kernel   {Relative(board, board.Kernel32)} to boot, {Relative(board, board.Kernel64)} for its symbols");
        if (board.Configuration is { } configuration)
        {
            output.WriteLine($"built    {BoardReport.Summarize(configuration)}");
        }

        output.WriteLine(board.Fits ? "fits" : "does not fit:");
        foreach (BoardProblem problem in board.Problems)
        {
            output.WriteLine($"  {problem}");
        }
    }

    private static string Relative(BoardFolder board, string? file) => file is null ? "none" : Path.GetRelativePath(board.Path, file);
}
