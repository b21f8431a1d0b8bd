using System.Security.Cryptography;
using System.Text;

namespace Makatea.Imaging;

/// <summary>
/// What a program was built from, to tell whether it has to be built again without asking the build, which takes seconds to find out. Each project of a build leaves a list of its sources
/// (<c>src/Sel4/Build/Inputs.targets</c>); of the folders with projects the names of all sources are kept, too, so that new ones are seen.
/// </summary>
internal static class BuildInputs
{
    private const string Record = "record";
    private static readonly string[] _kinds = ["*.cs", "*.csproj", "*.S"];

    /// <summary>Whether a build is as new as what it was made from.</summary>
    /// <param name="folder">Where the lists are.</param>
    public static bool IsCurrent(string folder)
    {
        string record = Path.Combine(folder, Record);
        if (!File.Exists(record))
        {
            return false;
        }

        string[] lines = File.ReadAllLines(record);
        DateTime started = File.GetLastWriteTimeUtc(record);
        return lines.All(line => line.Split('\t') is [{ } path, { } names] ? names == Names(path) : File.Exists(line) && File.GetLastWriteTimeUtc(line) <= started);
    }

    /// <summary>Keeps what the build that ended used.</summary>
    /// <param name="folder">Where the lists are.</param>
    /// <param name="started">When it started: what changes later is newer.</param>
    /// <param name="others">Files that no list has.</param>
    public static void Save(string folder, DateTime started, IEnumerable<string> others)
    {
        string[] files = [.. Directory.GetFiles(folder, "*.inputs").SelectMany(File.ReadAllLines).Concat(others).Where(f => f.Length != 0 && !IsMade(f)).Distinct().Order(StringComparer.Ordinal)];
        IEnumerable<string> folders = files.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal)).Select(f => Path.GetDirectoryName(f)!).Distinct();
        string record = Path.Combine(folder, Record);
        File.WriteAllLines(record, [.. files, .. folders.Select(f => $"{f}\t{Names(f)}")]);
        File.SetLastWriteTimeUtc(record, started);
    }

    /// <summary>Made by the build itself.</summary>
    private static bool IsMade(string file) => file.Contains("/obj/", StringComparison.Ordinal) || file.Contains("/artifacts/", StringComparison.Ordinal);

    /// <summary>A digest of the names of all sources below a folder.</summary>
    private static string Names(string folder)
    {
        if (!Directory.Exists(folder))
        {
            return "";
        }

        var options = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true };
        IEnumerable<string> names = _kinds.SelectMany(k => Directory.EnumerateFiles(folder, k, options))
            .Where(f => !IsMade(f) && !f.Contains("/bin/", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', names))));
    }
}
