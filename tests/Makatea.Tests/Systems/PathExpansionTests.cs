using Makatea.Systems;

namespace Makatea.Tests.Systems;

public class PathExpansionTests
{
    private static readonly Dictionary<string, string> _environment = new() { ["HOME"] = "/home/u", ["IMAGES"] = "/srv/images", ["EMPTY"] = "" };

    private static string? Expand(string path, out string? error) => new PathExpansion("/etc/qubes", _environment.GetValueOrDefault).Expand(path, out error);

    [Theory]
    [InlineData("a.img", "/etc/qubes/a.img")]
    [InlineData("../a.img", "/etc/a.img")]
    [InlineData("/a.img", "/a.img")]
    [InlineData("~/a.img", "/home/u/a.img")]
    [InlineData("~a.img", "/etc/qubes/~a.img")]
    [InlineData("${IMAGES}/a.img", "/srv/images/a.img")]
    [InlineData("${NONE:-/x}/a.img", "/x/a.img")]
    [InlineData("${EMPTY:-~}/a.img", "/home/u/a.img")]
    [InlineData("${MAKATEA_CACHE}/vmlinuz", "/home/u/.cache/makatea/vmlinuz")]
    public void Expands(string written, string expected)
    {
        Assert.Equal(expected, Expand(written, out string? error));
        Assert.Null(error);
    }

    [Theory]
    [InlineData("${NONE}/a", "the environment has no NONE")]
    [InlineData("${EMPTY}/a", "the environment has no EMPTY")]
    [InlineData("$IMAGES/a", "expected ${NAME}")]
    [InlineData("a$", "expected ${NAME}")]
    [InlineData("${IMAGES", "expected ${NAME}")]
    [InlineData("a\0b", "zero byte")]
    [InlineData("${NONE:-}", "empty path")]
    public void Refuses(string written, string expected)
    {
        Assert.Null(Expand(written, out string? error));
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }
}
