namespace Makatea.LinuxProgram;

/// <summary>Files that every Linux has.</summary>
internal static class FileTrials
{
    public static string? Read()
    {
        string maps = File.ReadAllText("/proc/self/maps");
        byte[] random = new byte[32];
        using (FileStream stream = File.OpenRead("/dev/urandom"))
        {
            stream.ReadExactly(random);
        }

        File.WriteAllText("/dev/null", "gone");
        return maps.Contains("[stack]", StringComparison.Ordinal) && random.Distinct().Count() > 16 && File.Exists("/proc/self/maps") && !File.Exists("/nowhere") ? null : maps;
    }

    public static string? Absent()
    {
        try
        {
            _ = File.ReadAllBytes("/nowhere");
        }
        catch (FileNotFoundException)
        {
            return null;
        }

        return "it was read";
    }
}
