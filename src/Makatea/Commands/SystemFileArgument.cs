using System.CommandLine;
using Makatea.Cli;
using Makatea.Systems;

namespace Makatea.Commands;

/// <summary>The system file that a command works on.</summary>
internal static class SystemFileArgument
{
    public static Argument<string> Create() => new("SYSTEM.yaml") { Description = "System file: domains and qubes. 'makatea schema' says what it may hold." };

    /// <exception cref="CommandException">It is not there or cannot be read.</exception>
    /// <exception cref="SystemFileException">It is wrong.</exception>
    public static SystemDescription Load(string path)
    {
        try
        {
            return SystemFile.Load(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string directory = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
            string hint = Directory.Exists(directory) && !File.Exists(path)
                ? NearestName.Hint(Path.GetFileName(path), Directory.EnumerateFiles(directory, "*.y*ml").Select(f => Path.GetFileName(f)))
                : "";
            throw new CommandException($"cannot read the system file: {e.Message.TrimEnd('.')}{hint}", ExitCode.Usage, e);
        }
    }
}
