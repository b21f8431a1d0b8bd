using System.Text.Json.Nodes;
using Makatea.Cli;

namespace Makatea.Tests.Cli;

public class ApplicationTests
{
    internal static (int Exit, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        return (Application.Run(args, output, error), output.ToString(), error.ToString());
    }

    [Theory]
    [InlineData("--print-capabilities")]
    [InlineData("--print-capabilities", "--socket-path=/x", "--fd=3", "--bogus", "word")] // all else is ignored
    [InlineData("--num-queues=x", "-c")]
    public void Print_capabilities_follows_the_backend_program_conventions(params string[] args)
    {
        (int exit, string output, string error) = Run(["vhost-user-blk", .. args]);
        JsonNode capabilities = JsonNode.Parse(output)!;
        Assert.Equal((0, "block", ""), (exit, capabilities["type"]!.GetValue<string>(), error));
        Assert.Equal(["read-only", "blk-file"], capabilities["features"]!.AsArray().Select(f => f!.GetValue<string>()));
    }

    [Theory]
    [InlineData("found both of --socket-path and --fd, expected one", "vhost-user-blk", "--socket-path=/x", "--fd=3", "--blk-file=y")]
    [InlineData("found none of --socket-path and --fd, expected one", "vhost-user-blk", "--blk-file=y")]
    [InlineData("found no --blk-file", "vhost-user-blk", "--fd=3")]
    [InlineData("did you mean '--blk-file'?", "vhost-user-blk", "--fd=3", "--blk-flie=x")]
    [InlineData("did you mean 'schema'?", "shcema")]
    [InlineData("Required command was not provided")]
    [InlineData("expected type 'System.Int32'", "vhost-user-blk", "--fd=3", "--blk-file=x", "--num-queues=many")]
    public void Wrong_usage_exits_with_2_and_says_what_next(string expected, params string[] args)
    {
        (int exit, string output, string error) = Run(args);
        Assert.Equal((2, ""), (exit, output));
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Contains("--help' shows what is allowed", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--version")]
    [InlineData("-V")]
    [InlineData("vhost-user-blk", "--version")]
    [InlineData("vhost-user-blk", "-V")]
    public void Version_is_printed(params string[] args)
    {
        (int exit, string output, _) = Run(args);
        Assert.Equal(0, exit);
        Assert.Matches(@"\b\d+\.\d+\.\d+", output);
    }

    [Fact]
    public void Schema_is_json() => Assert.NotNull(JsonNode.Parse(Run("schema").Output)!["$defs"]!["qube"]);

    [Fact]
    public void A_wrong_system_file_exits_with_2()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.File("wrong.yaml", "qubes: {w: {label: grey}}");
        (int exit, _, string error) = Run("check", file);
        Assert.Equal(2, exit);
        Assert.StartsWith($"{file}:1:20: error: label is 'grey'", error.Split('\n').First(l => l.Contains("label", StringComparison.Ordinal)), StringComparison.Ordinal);
        (exit, _, error) = Run("check", Path.Combine(directory.Path, "wrogn.yaml"));
        Assert.Equal(2, exit);
        Assert.Contains("did you mean 'wrong.yaml'?", error, StringComparison.Ordinal);
    }
}
