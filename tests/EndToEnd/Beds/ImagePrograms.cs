using System.Collections.Concurrent;

namespace Makatea.EndToEnd;

/// <summary>The programs of tests/Images, compiled ahead of time when a test first asks.</summary>
internal static class ImagePrograms
{
    private static readonly ConcurrentDictionary<string, Lazy<string>> _published = [];

    /// <summary>Publishes a program, once.</summary>
    /// <param name="folder">Its folder in tests/Images.</param>
    /// <returns>The executable.</returns>
    public static string Publish(string folder) => _published.GetOrAdd(folder, f => new(() => Compile(f))).Value;

    private static string Compile(string folder)
    {
        Skip.IfNot(Tool.Exists("gcc"), "gcc is missing: apt-get install gcc zlib1g-dev (./test.sh does)");
        string output = Repository.File("artifacts/images/" + folder.ToLowerInvariant());
        (int status, string text) = Tool.TryRun(TimeSpan.FromMinutes(10), Repository.File("scripts/publish-image.sh"), Repository.File("tests/Images/" + folder), output);
        return status == 0
            ? Path.Combine(output, folder.ToLowerInvariant())
            : throw new InvalidOperationException($"tests/Images/{folder} was not compiled:\n{text}");
    }
}
