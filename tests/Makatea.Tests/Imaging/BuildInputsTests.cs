using Makatea.Imaging;

namespace Makatea.Tests.Imaging;

public sealed class BuildInputsTests : IDisposable
{
    private readonly TemporaryDirectory _project = new();
    private readonly TemporaryDirectory _cache = new();
    private readonly string _source;

    public BuildInputsTests()
    {
        _source = _project.File("A.cs");
        string project = _project.File("P.csproj");
        _cache.File("P.inputs", $"{_source}\n{project}\n{_project.Path}/obj/Made.cs\n\n");
        foreach (string file in new[] { _source, project })
        {
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddMinutes(-10));
        }
    }

    public void Dispose()
    {
        _project.Dispose();
        _cache.Dispose();
    }

    [Fact]
    public void What_was_never_built_is_not_current() => Assert.False(BuildInputs.IsCurrent(_cache.Path));

    [Fact]
    public void What_did_not_change_is_current()
    {
        Save();
        Assert.True(BuildInputs.IsCurrent(_cache.Path));
    }

    [Fact]
    public void A_source_that_changed_is_seen()
    {
        Save();
        File.SetLastWriteTimeUtc(_source, DateTime.UtcNow);
        Assert.False(BuildInputs.IsCurrent(_cache.Path));
    }

    /// <summary>Between the build's start and its end.</summary>
    [Fact]
    public void A_source_that_changed_while_it_was_built_is_seen()
    {
        File.SetLastWriteTimeUtc(_source, DateTime.UtcNow.AddMinutes(-1));
        Save();
        Assert.False(BuildInputs.IsCurrent(_cache.Path));
    }

    [Fact]
    public void A_source_that_is_gone_is_seen()
    {
        Save();
        File.Delete(_source);
        Assert.False(BuildInputs.IsCurrent(_cache.Path));
    }

    [Fact]
    public void A_new_source_is_seen_however_old_and_what_the_build_makes_is_none()
    {
        Save();
        Directory.CreateDirectory(Path.Combine(_project.Path, "obj"));
        _project.File("obj/Made.cs");
        Assert.True(BuildInputs.IsCurrent(_cache.Path));
        File.SetLastWriteTimeUtc(_project.File("B.cs"), DateTime.UtcNow.AddYears(-1));
        Assert.False(BuildInputs.IsCurrent(_cache.Path));
    }

    [Fact]
    public void Files_that_no_list_has_count_too()
    {
        string other = _project.File("other.props");
        File.SetLastWriteTimeUtc(other, DateTime.UtcNow.AddMinutes(-10));
        BuildInputs.Save(_cache.Path, DateTime.UtcNow.AddMinutes(-5), [other]);
        Assert.True(BuildInputs.IsCurrent(_cache.Path));
        File.SetLastWriteTimeUtc(other, DateTime.UtcNow);
        Assert.False(BuildInputs.IsCurrent(_cache.Path));
    }

    private void Save() => BuildInputs.Save(_cache.Path, DateTime.UtcNow.AddMinutes(-5), []);
}
