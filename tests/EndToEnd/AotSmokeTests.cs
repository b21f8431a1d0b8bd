namespace Makatea.EndToEnd;

/// <summary>The libraries that go into images, compiled ahead of time with every warning of trimmer and compiler an error.</summary>
public sealed class AotSmokeTests
{
    [SkippableFact]
    [Trait("Category", "Image")]
    public void The_libraries_work_compiled_ahead_of_time()
    {
        (int status, string output) = Tool.TryRun(TimeSpan.FromMinutes(1), ImagePrograms.Publish("AotSmoke"));
        Assert.True(status == 0, output);
        Assert.All(output.TrimEnd().Split('\n'), line => Assert.StartsWith("ok: ", line, StringComparison.Ordinal));
        Assert.Contains("ok: packed ring, indirect, event index", output, StringComparison.Ordinal);
    }

    [SkippableFact]
    [Trait("Category", "Guest")]
    public void An_image_compiled_ahead_of_time_serves_a_guest()
    {
        using var scratch = new Scratch();
        string image = scratch.Image("disk.img", 64 << 20);
        using BlockBackend backend = new ImageBackend(scratch, "disk", new BackendOptions(image)).Start();
        FileSystemCheck.Run(scratch, new GuestDisk(backend));
    }
}
