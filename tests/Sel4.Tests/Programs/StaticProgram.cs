using System.Diagnostics;
using Makatea.Sel4.Image.Elf;

namespace Makatea.Sel4.Tests.Programs;

/// <summary>Programs of tests/Images, published as images for seL4 are: ahead of time, static, with symbols.</summary>
internal static class StaticProgram
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(10);

    /// <summary>Publishes one and reads it.</summary>
    public static ElfFile Publish(string folder, string name)
    {
        string output = Directory.CreateTempSubdirectory("makatea-static-").FullName;
        try
        {
            var start = new ProcessStartInfo(Repository.File("scripts/publish-image.sh"), [Repository.File("tests/Images/" + folder), output, "-p:StaticExecutable=true"])
            {
                RedirectStandardOutput = true,
            };
            using Process publish = Process.Start(start)!;
            Task<string> log = publish.StandardOutput.ReadToEndAsync();
            if (!publish.WaitForExit(_patience))
            {
                publish.Kill(entireProcessTree: true);
                Assert.Fail($"publishing {folder} did not end in {_patience}");
            }

            Assert.True(publish.ExitCode == 0, log.Result);
            return ElfFile.Parse(name, File.ReadAllBytes(Path.Combine(output, name)));
        }
        finally
        {
            Directory.Delete(output, recursive: true);
        }
    }
}
