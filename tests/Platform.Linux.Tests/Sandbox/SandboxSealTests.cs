namespace Makatea.Platform.Linux.Tests;

/// <summary>The tighter filter that a component puts on itself.</summary>
public sealed class SandboxSealTests
{
    private const SandboxSealRights All = SandboxSealRights.OpenFiles | SandboxSealRights.ExecutableMemory | SandboxSealRights.NewRings;

    [Theory]
    [InlineData(SandboxSealRights.None)]
    [InlineData(SandboxSealRights.OpenFiles)]
    [InlineData(SandboxSealRights.ExecutableMemory)]
    [InlineData(SandboxSealRights.NewRings)]
    [InlineData(All)]
    public void TakesAwayFromAllThreadsWhatIsNotKept(SandboxSealRights keep)
    {
        // The probe runs everything once before the seal; without tiers nothing is compiled twice. So it does without the compiler afterwards.
        ProbeRun run = Probe.RunInside(["seal", keep.ToString()], o => o with
        {
            AllowIoUring = true,
            Environment = new Dictionary<string, string>(o.Environment) { ["DOTNET_TieredCompilation"] = "0" },
        }).MustSucceed();
        foreach (string thread in new[] { "after: earlier thread: ", "after: later thread: " })
        {
            Expect(SandboxSealRights.OpenFiles, thread + "open", "13");
            Expect(SandboxSealRights.NewRings, thread + "make a ring", "1");
            Expect(SandboxSealRights.ExecutableMemory, thread + "map executable memory", "1");
            Expect(SandboxSealRights.ExecutableMemory, thread + "make memory executable", "1");
            Assert.Equal("1", run[thread + "start a program"]);
            Assert.Equal("1", run[thread + "make a socket"]);
        }

        void Expect(SandboxSealRights right, string name, string error)
        {
            string before = run["before: " + name[(name.LastIndexOf(": ", StringComparison.Ordinal) + 2)..]];
            Assert.Equal((keep & right) != 0 ? before : error, run[name]);
        }
    }
}
