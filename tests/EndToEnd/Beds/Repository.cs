namespace Makatea.EndToEnd;

/// <summary>Where the repository and its build output are.</summary>
internal static class Repository
{
    /// <summary>The folder of Makatea.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The configuration in which these tests were built, "Debug" or "Release".</summary>
    public static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    /// <summary>A file of the repository.</summary>
    public static string File(string path) => Path.Combine(Root, path);

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !System.IO.File.Exists(Path.Combine(folder.FullName, "Makatea.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException($"no Makatea.sln above {AppContext.BaseDirectory}");
    }
}
