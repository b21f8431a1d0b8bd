using Makatea.Platform.Linux.Sandboxing;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Paths, links and mounts of a root of its own.</summary>
public sealed class RootLayoutTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("makatea-layout-").FullName;

    public RootLayoutTests()
    {
        Directory.CreateDirectory(At("real/inner"));
        File.WriteAllText(At("real/inner/file"), "");
        File.WriteAllText(At("other"), "");
        File.CreateSymbolicLink(At("relative"), "real/inner");
        File.CreateSymbolicLink(At("absolute"), At("relative"));
        File.CreateSymbolicLink(At("real/up"), "../other");
        File.CreateSymbolicLink(At("round"), At("about"));
        File.CreateSymbolicLink(At("about"), At("round"));
        File.CreateSymbolicLink(At("dangling"), "nothing");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void LinksAreKeptAndWhatTheyPointToIsMounted()
    {
        var layout = new RootLayout([At("absolute/file")]);
        Assert.Equal([At("real/inner/file")], layout.Mounts);
        Assert.Equal([new(At("absolute"), At("relative")), new(At("relative"), "real/inner")], layout.Links);
        Assert.Equal([Path.GetDirectoryName(_root)!, _root, At("real"), At("real/inner")], layout.Directories);
    }

    [Fact]
    public void WhatLiesInAMountedDirectoryComesWithIt()
    {
        var layout = new RootLayout([At("real/inner/file"), At("real"), At("real/inner"), At("real/up")]);
        Assert.Equal([At("other"), At("real")], layout.Mounts);
        Assert.Empty(layout.Links);
    }

    [Theory]
    [InlineData("round", "symbolic links")]
    [InlineData("dangling", "there is no")]
    [InlineData("missing/file", "there is no")]
    public void WhatDoesNotExistIsRefused(string path, string message) =>
        Assert.Contains(message, Assert.Throws<SandboxException>(() => new RootLayout([At(path)])).Message);

    [Fact]
    public void DotsAreResolved()
    {
        var layout = new RootLayout([At("real/./inner/../inner//file"), _root + "/../../../../" + _root.TrimStart('/') + "/other"]);
        Assert.Equal([At("other"), At("real/inner/file")], layout.Mounts);
    }

    private string At(string path) => Path.Combine(_root, path);
}
