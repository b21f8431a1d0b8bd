using Makatea.Cli;

namespace Makatea.Commands;

/// <summary>The folder of a seL4 kernel, which the user has from a Microkit SDK.</summary>
internal static class BoardArgument
{
    /// <summary>The variable that names it where the command line does not.</summary>
    public const string Variable = "MAKATEA_SEL4_BOARD";

    /// <summary>For the help text.</summary>
    public const string Description = $"Folder of a board in a Microkit SDK, such as board/x86_64_generic/debug. Default: the variable {Variable}.";

    /// <summary>The folder that was named.</summary>
    /// <exception cref="CommandException">None was.</exception>
    public static string Resolve(string? asked)
    {
        string? path = asked ?? Environment.GetEnvironmentVariable(Variable);
        return string.IsNullOrEmpty(path)
            ? throw new CommandException($"found no board folder, expected one named here or by {Variable}: board/x86_64_generic/debug of a Microkit SDK (https://github.com/seL4/microkit/releases)", ExitCode.Usage)
            : path;
    }
}
