using System.Text.RegularExpressions;

namespace Makatea.EndToEnd;

/// <summary>Runs every command that README.md tells people to run.</summary>
public sealed partial class ReadmeTests
{
    /// <summary>The one that this test is run by.</summary>
    private const string TestCommand = "./test.sh";

    [GeneratedRegex("^```sh\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex CommandBlocks { get; }

    [Fact]
    [Trait("Category", "Guest")]
    public void Every_command_in_the_readme_works()
    {
        string[] blocks = [.. CommandBlocks.Matches(File.ReadAllText(Repository.File("README.md"))).Select(m => m.Groups[1].Value)];
        Assert.True(blocks.Length >= 4, $"found {blocks.Length} blocks of commands in README.md");
        Assert.Contains(TestCommand + "\n", blocks);
        foreach (string block in blocks.Where(b => b.Trim() != TestCommand))
        {
            (int status, string output) = Tool.TryRun(TimeSpan.FromMinutes(5), "bash", "-e", "-c", block);
            Assert.True(status == 0, $"{block}ended with status {status}:\n{output}");
        }
    }

    [GeneratedRegex("^```sh sel4\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Sel4Blocks { get; }

    /// <summary>Those for seL4 need its kernel, which is not part of this repository.</summary>
    [SkippableFact]
    [Trait("Category", "Guest")]
    public void Every_command_for_seL4_in_the_readme_works()
    {
        const string Variable = "MAKATEA_SEL4_BOARD";
        Skip.If(string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)),
            $"needs a seL4 kernel: set {Variable} to the folder board/x86_64_generic/debug of a Microkit SDK (https://github.com/seL4/microkit/releases)");
        string block = Assert.Single(Sel4Blocks.Matches(File.ReadAllText(Repository.File("README.md")))).Groups[1].Value;
        Assert.Equal(3, block.Trim().Split('\n').Length);
        (int status, string output) = Tool.TryRun(TimeSpan.FromMinutes(15), "bash", "-e", "-c", block);
        Assert.True(status == 0, $"{block}ended with status {status}:\n{output}");

        // What the client wrote is where the host sees it.
        byte[] disk = File.ReadAllBytes("/tmp/makatea-sel4.img");
        Assert.Contains(disk, b => b != 0);
    }

    [Fact]
    public void Continuous_integration_runs_the_readmes_test_command() =>
        Assert.Contains("/../test.sh", File.ReadAllText(Repository.File(".ci/run")), StringComparison.Ordinal);
}
