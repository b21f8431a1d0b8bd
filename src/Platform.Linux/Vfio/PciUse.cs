namespace Makatea.Platform.Linux;

/// <summary>What a function serves that would be lost with it: block devices that are mounted, swapped to or held by others, network interfaces that are up.</summary>
internal static class PciUse
{
    private const uint InterfaceUp = 1;

    /// <summary>Looks.</summary>
    /// <returns>A sentence each; empty where it can be taken.</returns>
    internal static IReadOnlyList<string> Of(string root, string proc, PciAddress address)
    {
        string function = Path.GetFullPath(SysfsPci.Folder(root, address));
        string device = ResolvedFolder(function);
        List<string> uses = [];
        foreach (string name in Entries(Path.Combine(root, "class/block")))
        {
            string block = Path.Combine(root, "class/block", name);
            if (IsBelow(device, block))
            {
                uses.AddRange(UsesOf(name, block, proc));
            }
        }

        foreach (string name in Entries(Path.Combine(root, "class/net")))
        {
            string network = Path.Combine(root, "class/net", name);
            if (IsBelow(device, network) && (SysfsPci.ReadHex(Path.Combine(network, "flags")) & InterfaceUp) != 0)
            {
                uses.Add($"interface {name} is up");
            }
        }

        return uses;
    }

    private static IEnumerable<string> UsesOf(string name, string block, string proc)
    {
        string number = SysfsPci.Read(Path.Combine(block, "dev")) ?? "";
        foreach (string line in Lines(Path.Combine(proc, "self/mountinfo")))
        {
            string[] fields = line.Split(' ');
            if (fields.Length > 4 && fields[2] == number)
            {
                yield return $"{name} is mounted on {fields[4]}";
            }
        }

        if (Lines(Path.Combine(proc, "swaps")).Any(l => l.Split([' ', '\t'], 2)[0] == $"/dev/{name}"))
        {
            yield return $"{name} is swapped to";
        }

        foreach (string holder in Entries(Path.Combine(block, "holders")))
        {
            yield return $"{name} is held by {holder}";
        }
    }

    /// <summary>Whether a link of /sys/class leads below the folder of a device.</summary>
    private static bool IsBelow(string device, string link) => ResolvedFolder(link).StartsWith(device + "/", StringComparison.Ordinal);

    private static string ResolvedFolder(string path)
    {
        try
        {
            return new DirectoryInfo(path).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? path;
        }
        catch (IOException)
        {
            return path;
        }
    }

    private static IEnumerable<string> Entries(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFileSystemEntries(folder).Select(e => Path.GetFileName(e)) : [];

    private static IEnumerable<string> Lines(string path) => (SysfsPci.Read(path) ?? "").Split('\n');
}
