using System.Text;

namespace Makatea.Systems;

/// <summary>
/// Paths of a system file: <c>~/</c>, <c>${NAME}</c> and <c>${NAME:-default}</c> are replaced, and what is relative is relative to the file's directory.
/// <c>${MAKATEA_CACHE}</c> is where kernels and images are fetched to, whether or not the environment has it.
/// </summary>
internal sealed class PathExpansion(string directory, Func<string, string?> environment)
{
    /// <summary>Name of the variable for the cache.</summary>
    public const string CacheVariable = "MAKATEA_CACHE";

    /// <summary>Expands a path.</summary>
    /// <returns>An absolute path, or null; then <paramref name="error"/> says why.</returns>
    public string? Expand(string written, out string? error)
    {
        var text = new StringBuilder();
        error = null;
        int at = 0;
        while (at < written.Length)
        {
            if (written[at] != '$')
            {
                text.Append(written[at++]);
                continue;
            }

            int end = written.IndexOf('}', at);
            if (at + 1 >= written.Length || written[at + 1] != '{' || end < 0)
            {
                error = "found '$' that starts no ${NAME}, expected ${NAME} or ${NAME:-default}";
                return null;
            }

            string[] parts = written[(at + 2)..end].Split(":-", 2);
            string? value = Lookup(parts[0]);
            if (string.IsNullOrEmpty(value) && parts.Length == 1)
            {
                error = $"found ${{{parts[0]}}}, but the environment has no {parts[0]}; set it or write ${{{parts[0]}:-default}}";
                return null;
            }

            text.Append(string.IsNullOrEmpty(value) ? parts[1] : value);
            at = end + 1;
        }

        string path = text.ToString();
        if (path.Contains('\0') || path.Length == 0)
        {
            error = "found an empty path or one with a zero byte, expected a path";
            return null;
        }

        if (path == "~" || path.StartsWith("~/", StringComparison.Ordinal))
        {
            path = Home + path[1..];
        }

        return Path.GetFullPath(path, directory);
    }

    private string Home => environment("HOME") is { Length: > 0 } home ? home : "/root";

    private string? Lookup(string name) => environment(name) is { Length: > 0 } value ? value
        : name == CacheVariable ? Path.Combine(environment("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache : Path.Combine(Home, ".cache"), "makatea")
        : null;
}
