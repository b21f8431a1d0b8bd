using System.Diagnostics;
using Makatea.Sel4.Image.Elf;

namespace Makatea.Sel4.Tests.Booting;

/// <summary>Programs of this repository for the bare kernel, built when a test asks for them.</summary>
internal static class FreestandingProgram
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    // Tests that run side by side want the same programs.
    private static readonly Lock _building = new();

    /// <summary>Builds a project and reads what was linked.</summary>
    /// <param name="project">Its folder, below the root of the repository.</param>
    /// <param name="name">Its assembly's name.</param>
    public static ElfFile Build(string project, string name)
    {
        Skip.IfNot(File.Exists("/usr/bin/gcc") && File.Exists("/usr/bin/ld"), "needs gcc and binutils to link for the bare kernel (Debian: apt-get install gcc)");
        string folder = Repository.File(project);
        var start = new ProcessStartInfo("dotnet", ["build", folder, "-c", "Release", "-p:LinkFreestanding=true", "-v", "q", "-nologo"])
        {
            RedirectStandardOutput = true,
            // The build of the tests may have left its own settings.
            Environment = { ["MSBUILDDISABLENODEREUSE"] = "1", ["MSBuildSDKsPath"] = null, ["MSBUILD_EXE_PATH"] = null },
        };
        string path = Path.Combine(folder, "bin/Release/net9.0/linux-x64", name + ".elf");
        lock (_building)
        {
            Run(project, start);
            return ElfFile.Parse(path, File.ReadAllBytes(path));
        }
    }

    private static void Run(string project, ProcessStartInfo start)
    {
        using Process build = Process.Start(start)!;
        Task<string> output = build.StandardOutput.ReadToEndAsync();
        if (!build.WaitForExit(_patience))
        {
            build.Kill(entireProcessTree: true);
            Assert.Fail($"building {project} did not end in {_patience}");
        }

        Assert.True(build.ExitCode == 0, output.Result);
    }
}
