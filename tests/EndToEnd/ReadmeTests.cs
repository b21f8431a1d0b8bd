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

    [Fact]
    public void Continuous_integration_runs_the_readmes_test_command() =>
        Assert.Contains("/../test.sh", File.ReadAllText(Repository.File(".ci/run")), StringComparison.Ordinal);
}
