using System.Collections.Concurrent;

namespace Makatea.EndToEnd;

/// <summary>Programs that guests run, compiled ahead of time when a test first asks.</summary>
internal static class ImagePrograms
{
    private static readonly ConcurrentDictionary<string, Lazy<string>> _published = [];

    /// <summary>Publishes a program, once.</summary>
    /// <param name="folder">Its folder in tests/Images.</param>
    /// <returns>The executable.</returns>
    public static string Publish(string folder) => PublishProgram("tests/Images/" + folder, folder.ToLowerInvariant());

    /// <summary>Publishes a program, once.</summary>
    /// <param name="folder">Its folder in the repository.</param>
    /// <param name="name">The executable's name.</param>
    /// <returns>The executable.</returns>
    public static string PublishProgram(string folder, string name) => _published.GetOrAdd(folder, f => new(() => Compile(f, name))).Value;

    private static string Compile(string folder, string name)
    {
        Skip.IfNot(Tool.Exists("gcc"), "gcc is missing: apt-get install gcc zlib1g-dev (./test.sh does)");
        string output = Repository.File("artifacts/images/" + name);
        (int status, string text) = Tool.TryRun(TimeSpan.FromMinutes(10), Repository.File("scripts/publish-image.sh"), Repository.File(folder), output);
        return status == 0
            ? Path.Combine(output, name)
            : throw new InvalidOperationException($"{folder} was not compiled:\n{text}");
    }
}
