using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>Sandbox options for .NET programs: the paths and the environment that the runtime needs, and no more.</summary>
public static class DotnetSandbox
{
    /// <summary>A framework-dependent program: <c>dotnet exec app.dll</c>.</summary>
    /// <param name="assembly">Absolute path of the program's assembly. Its directory can be read inside.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="SandboxException">No .NET installation was found.</exception>
    public static SandboxOptions ForAssembly(string assembly, params IReadOnlyList<string> arguments)
    {
        string root = FindRoot();
        return new()
        {
            Executable = Path.Combine(root, "dotnet"),
            Arguments = ["exec", assembly, .. arguments],
            Environment = RuntimeEnvironmentVariables(),
            ReadOnlyPaths = [Path.Combine(root, "host"), Path.Combine(root, "shared"), DirectoryOf(assembly), .. SystemLibraries()],
        };
    }

    /// <summary>A self-contained or ahead-of-time compiled program.</summary>
    /// <param name="executable">Absolute path of the executable. Its directory can be read inside.</param>
    /// <param name="arguments">Its arguments.</param>
    public static SandboxOptions ForExecutable(string executable, params IReadOnlyList<string> arguments) => new()
    {
        Executable = executable,
        Arguments = arguments,
        Environment = RuntimeEnvironmentVariables(),
        ReadOnlyPaths = [DirectoryOf(executable), .. SystemLibraries()],
    };

    /// <summary>
    /// Directories in which the dynamic linker finds system libraries, of those that exist here: Debian's, then others'.
    /// </summary>
    public static IReadOnlyList<string> SystemLibraries()
    {
        string[] multiarch = Existing("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu");
        string[] directories = multiarch.Length > 0 ? multiarch : Existing("/lib64", "/usr/lib64", "/lib", "/usr/lib");
        return [.. directories, .. Existing("/etc/ld.so.cache")];
    }

    private static string[] Existing(params string[] paths) => [.. paths.Where(p => File.Exists(p) || Directory.Exists(p))];

    private static string DirectoryOf(string file) =>
        Path.GetDirectoryName(file) is { Length: > 1 } directory ? directory : throw new SandboxException($"'{file}' must be an absolute path in a directory of its own");

    // No diagnostics sockets and files; no data of cultures, which would be one more directory; no colours for a terminal that is not there.
    private static Dictionary<string, string> RuntimeEnvironmentVariables() => new()
    {
        ["DOTNET_EnableDiagnostics"] = "0",
        ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1",
        ["DOTNET_gcConcurrent"] = "0",
        ["TERM"] = "dumb",
    };

    private static string FindRoot() =>
        Candidates().FirstOrDefault(c => c is not null && File.Exists(Path.Combine(c, "dotnet")))
        ?? throw new SandboxException("no .NET installation was found; set DOTNET_ROOT to the directory that holds 'dotnet'");

    /// <summary>This process's own first, then where installations are found.</summary>
    private static IEnumerable<string?> Candidates()
    {
        if (Path.GetFileName(Environment.ProcessPath) == "dotnet")
        {
            yield return Path.GetDirectoryName(Environment.ProcessPath);
        }

        if (RuntimeFeature.IsDynamicCodeSupported)
        {
            // root/shared/Microsoft.NETCore.App/version
            yield return Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));
        }

        yield return Environment.GetEnvironmentVariable("DOTNET_ROOT");
        yield return "/usr/share/dotnet";
        yield return "/usr/lib/dotnet";
        yield return "/usr/lib64/dotnet";
    }
}
