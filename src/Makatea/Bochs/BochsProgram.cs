using Makatea.Cli;

namespace Makatea.Bochs;

/// <summary>Where Bochs is, and what it needs to run a machine.</summary>
internal static class BochsProgram
{
    /// <summary>What the machine starts with.</summary>
    public const string Bios = "/usr/share/bochs/BIOS-bochs-latest";

    /// <summary>What its display starts with.</summary>
    public const string VideoBios = "/usr/share/vgabios/vgabios.bin";

    // Debian's bochs is a script around the first.
    private static readonly string[] _names = ["bochs-bin", "bochs"];
    private const string Display = "libbx_term_gui.so";
    private const string Plugins = "/usr/lib/x86_64-linux-gnu/bochs/plugins";
    private const string Packages = "bochs bochs-term bochsbios vgabios";

    /// <summary>What is missing, or null.</summary>
    public static string? Missing() =>
        Path() is null ? "bochs"
            : !File.Exists(Bios) ? Bios
            : !File.Exists(VideoBios) ? VideoBios
            : Directory.Exists(Plugins) && !File.Exists(System.IO.Path.Combine(Plugins, Display)) ? Display
            : null;

    /// <summary>Absolute path of Bochs.</summary>
    /// <exception cref="CommandException">It, or a part of it, is not there.</exception>
    public static string Find() => Missing() is not { } missing ? Path()!
        : throw new CommandException($"found no {missing}, which emulates a processor with VT-x; install it (Debian: apt-get install {Packages})");

    private static string? Path()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        return _names.SelectMany(name => folders.Append("/usr/bin").Select(f => System.IO.Path.Combine(f, name))).FirstOrDefault(File.Exists);
    }
}
