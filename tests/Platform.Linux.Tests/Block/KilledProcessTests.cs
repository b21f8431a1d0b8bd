using System.Diagnostics;

namespace Makatea.Platform.Linux.Tests;

/// <summary>What is left of a disk whose process was killed in the middle of its writes.</summary>
public sealed class KilledProcessTests : EngineTheory
{
    private const int Blocks = 64;

    [SkippableTheory]
    [InlineData(nameof(FileEngine.IoUring), false)]
    [InlineData(nameof(FileEngine.Threads), false)]
    [InlineData(nameof(FileEngine.Inline), false)]
    [InlineData(nameof(FileEngine.Mapped), true)]
    [InlineData(nameof(FileEngine.IoUring), true)]
    public void What_was_flushed_is_there_and_the_image_is_free_again(string engine, bool inMemory)
    {
        _ = Options(engine);
        string folder = inMemory ? "/dev/shm" : Path.GetTempPath();
        string path = Path.Combine(folder, $"makatea-killed-{Guid.NewGuid():N}.img");
        try
        {
            using (FileStream file = File.Create(path))
            {
                file.SetLength(Blocks * DiskScenarios.BlockLength);
            }

            for (int kill = 0; kill < 3; kill++)
            {
                int flushed = RunAndKill(path, engine);

                // Opened at once, as by a domain that is started again.
                using FileBlockDevice again = FileBlockDevice.Open(path, Options(engine));
                byte[] bytes = File.ReadAllBytes(path);
                for (int block = 0; block < Blocks / 2; block++)
                {
                    Span<byte> data = bytes.AsSpan(block * DiskScenarios.BlockLength, DiskScenarios.BlockLength);

                    // Of the round that was flushed, or of the next, which was under way.
                    Assert.InRange(data[0], flushed, flushed + 1);
                    Assert.InRange(data[^1], flushed, flushed + 1);
                }
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [SkippableFact]
    public void Where_io_uring_is_forbidden_threads_do_the_work_and_it_is_said()
    {
        string path = Path.Combine(AppContext.BaseDirectory, $"makatea-sealed-{Guid.NewGuid():N}.img");
        File.WriteAllBytes(path, new byte[1 << 20]);
        try
        {
            (int code, string output) = ChildProcess.Run("disk-without-io-uring", path);
            Assert.True(code == 0, output);
            Assert.Contains("engine Threads", output, StringComparison.Ordinal);
            Assert.Contains("io_uring_setup gave EPERM (Operation not permitted); it is forbidden by a sandbox's filter", output, StringComparison.Ordinal);
            Assert.Contains("explicitly: cannot make an io_uring", output, StringComparison.Ordinal);
            Assert.Equal(TestDisk.Pattern(DiskScenarios.BlockLength, 7), File.ReadAllBytes(path)[4096..8192]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <returns>The last round that the process said was flushed.</returns>
    private static int RunAndKill(string path, string engine)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, ["exec", typeof(Program).Assembly.Location, "disk-write-and-flush", path, engine])
        {
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        string? line = null;
        for (int i = 0; i < 5; i++)
        {
            line = process.StandardOutput.ReadLine();
            Assert.StartsWith("flushed ", line, StringComparison.Ordinal);
        }

        process.Kill();
        process.WaitForExit();
        string rest = process.StandardOutput.ReadToEnd();
        int end = rest.LastIndexOf('\n');
        string[] whole = end < 0 ? [line!] : [line!, .. rest[..end].Split('\n')];
        return int.Parse(whole[^1]["flushed ".Length..], System.Globalization.CultureInfo.InvariantCulture);
    }
}
