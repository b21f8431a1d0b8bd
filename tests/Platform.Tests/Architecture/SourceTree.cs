using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Makatea.Platform.Tests;

/// <summary>The sources that this assembly was built from.</summary>
internal static partial class SourceTree
{
    internal static string Root { get; } = FindRoot();

    /// <summary>Path below the root, with slashes, and code of each C# file, without comments and the contents of strings.</summary>
    internal static IEnumerable<(string Path, string Code)> CSharp() => Files("*.cs").Select(file => (file, Strip(Read(file))));

    internal static IEnumerable<string> Files(string pattern) =>
        from folder in new[] { "src", "tests", "bench", "samples" }
        let path = Path.Combine(Root, folder)
        where Directory.Exists(path)
        from file in Directory.EnumerateFiles(path, pattern, SearchOption.AllDirectories)
        let relative = Path.GetRelativePath(Root, file)
        where !relative.Contains("/obj/") && !relative.Contains("/bin/")
        select relative;

    internal static string Read(string file) => File.ReadAllText(Path.Combine(Root, file));

    /// <summary>Replaces comments, strings and characters by nothing.</summary>
    internal static string Strip(string source) => CommentOrLiteral().Replace(source, " ");

    private static string FindRoot([CallerFilePath] string here = "")
    {
        string? folder = Path.GetDirectoryName(here);
        while (folder is not null && !File.Exists(Path.Combine(folder, "Makatea.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new DirectoryNotFoundException($"no Makatea.sln above {here}; run the tests where they were built");
    }

    [GeneratedRegex("""
        (?<quotes>"{3,})(?s:.*?)\k<quotes>(?!")
        | @"(?:[^"]|"")*"
        | "(?:[^"\\\n]|\\.)*"
        | '(?:[^'\\\n]|\\.[^'\n]*)'
        | //[^\n]*
        | /\*(?s:.*?)\*/
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex CommentOrLiteral();
}
