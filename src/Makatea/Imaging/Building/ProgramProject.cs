using Makatea.Systems;

namespace Makatea.Imaging;

/// <summary>What a program is made of.</summary>
/// <param name="Path">A project's file, or a program.</param>
/// <param name="Layer">What the program finds below it, which says how a project is built.</param>
internal readonly record struct ProgramProject(string Path, ComponentLayer Layer)
{
    /// <summary>It has to be built.</summary>
    public bool IsProject => Path.EndsWith(".csproj", StringComparison.Ordinal);

    /// <summary>What it is called: the folder of the project, or the file.</summary>
    public string Name => System.IO.Path.GetFileName(IsProject ? System.IO.Path.GetDirectoryName(Path)! : Path);

    /// <summary>The project in a folder of our sources.</summary>
    /// <exception cref="Cli.CommandException">There is none.</exception>
    public static ProgramProject InSources(string folder, ComponentLayer layer)
    {
        string path = System.IO.Path.Combine(Sources.Find(), folder);
        return Directory.Exists(path) && Directory.GetFiles(path, "*.csproj") is [{ } project] ? new(project, layer) : throw new Cli.CommandException($"found no project in {path}, expected Makatea's own program there");
    }
}
