using Makatea.Cli;

namespace Makatea.Qemu;

/// <summary>Where QEMU is.</summary>
internal static class QemuProgram
{
    private const string Name = "qemu-system-x86_64";

    /// <summary>Absolute path of QEMU: of <paramref name="asked"/> where the user named one, else of the one on PATH.</summary>
    /// <exception cref="CommandException">There is none.</exception>
    public static string Find(string? asked = null)
    {
        if (asked is not null)
        {
            string path = Path.GetFullPath(asked);
            return File.Exists(path) ? path : throw new CommandException($"found no QEMU at {path}; name an executable, or leave --qemu out to use the one on PATH");
        }

        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        return folders.Append("/usr/bin").Select(f => Path.Combine(f, Name)).FirstOrDefault(File.Exists)
            ?? throw new CommandException($"found no {Name} on PATH, which runs the qubes; install it (Debian: apt-get install qemu-system-x86)");
    }
}
