using Makatea.Cli;

namespace Makatea.Imaging;

/// <summary>The sources of Makatea: root task, layer, console and the programs of domains are built from them when an image is.</summary>
internal static class Sources
{
    /// <summary>The variable that names their folder where this command does not lie in it.</summary>
    public const string Variable = "MAKATEA_SOURCES";

    private const string Landmark = "src/Sel4/RootTask";

    /// <summary>Their folder.</summary>
    /// <exception cref="CommandException">They are not there.</exception>
    public static string Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
        {
            return Directory.Exists(Path.Combine(named, Landmark)) ? Path.GetFullPath(named)
                : throw new CommandException($"found no {Landmark} in {named}, which {Variable} names; expected the folder of Makatea's sources");
        }

        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (Directory.Exists(Path.Combine(folder, Landmark)))
            {
                return folder;
            }
        }

        throw new CommandException($"found no {Landmark} above {AppContext.BaseDirectory}; name the folder of Makatea's sources in {Variable}");
    }
}
