using System.Runtime.CompilerServices;

namespace Makatea.Sel4.Tests;

/// <summary>The sources that this assembly was built from.</summary>
internal static class Repository
{
    /// <summary>Absolute path of a file or folder below the root.</summary>
    public static string File(string path) => Path.Combine(Root(), path);

    private static string Root([CallerFilePath] string here = "")
    {
        string folder = Path.GetDirectoryName(here)!;
        while (!System.IO.File.Exists(Path.Combine(folder, "Makatea.sln")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return folder;
    }
}
