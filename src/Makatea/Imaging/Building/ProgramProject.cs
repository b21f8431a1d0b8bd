using Makatea.Systems;

namespace Makatea.Imaging;

/// <summary>What a program is made of.</summary>
/// <param name="Path">A project's file, a folder of our sources with one, or a program.</param>
/// <param name="Layer">What the program finds below it, which says how a project is built.</param>
/// <param name="IsOurs">It is a folder of our sources.</param>
internal readonly record struct ProgramProject(string Path, ComponentLayer Layer, bool IsOurs = false)
{
    /// <summary>It has to be built.</summary>
    public bool IsProject => IsOurs || Path.EndsWith(".csproj", StringComparison.Ordinal);

    /// <summary>What it is called: the folder of the project, or the file.</summary>
    public string Name => System.IO.Path.GetFileName(IsProject ? Folder : Path);

    /// <summary>Folder of the project, or of the file.</summary>
    public string Folder => IsOurs ? Path : System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>The project in a folder of our sources.</summary>
    public static ProgramProject InSources(string folder, ComponentLayer layer) => new(System.IO.Path.Combine(Sources.Find(), folder), layer, IsOurs: true);
}
