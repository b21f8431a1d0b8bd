namespace Makatea.EndToEnd;

/// <summary>A wrong system file is refused before anything starts. No guest needed.</summary>
public sealed class SystemFileTests
{
    [Theory]
    [InlineData("label: rd", "label: red", ":5:", "expected one of red, orange", "did you mean 'red'?")]
    [InlineData("labl: red", "label: red", ":5:", "labl", "did you mean 'label'?")]
    [InlineData("domain: storag", "domain: storage", ":10:", "expected storage", "did you mean 'storage'?")]
    [InlineData("image: disc.img", "image: disk.img", ":9:", "found no file at", "did you mean 'disk.img'?")]
    public void A_wrong_system_file_is_refused_before_anything_starts(string wrong, string right, string line, string expected, string nearest)
    {
        using var scratch = new Scratch();
        scratch.Image("disk.img", 1 << 20);
        scratch.Image("template.img", 1 << 20);
        Directory.CreateDirectory(scratch.File("run"));
        const string Text = """
            name: wrong
            domains: {storage: }
            qubes:
              work:
                label: red
                root: {template: template.img, overlay: made.overlay}
                disks:
                - name: data
                  image: disk.img
                  domain: storage
            """;
        string file = scratch.File("wrong.yaml");
        File.WriteAllText(file, Text.Replace(right, wrong, StringComparison.Ordinal));
        string[] command = ["env", $"XDG_RUNTIME_DIR={scratch.File("run")}", $"XDG_STATE_HOME={scratch.File("state")}", .. MakateaCommand.Line("up", file, "--plain")];
        (int status, string output) = Tool.TryRun(TimeSpan.FromMinutes(1), command[0], command[1..]);
        Assert.Equal(2, status);
        Assert.Contains(file + line, output, StringComparison.Ordinal);
        Assert.Contains(expected, output, StringComparison.Ordinal);
        Assert.Contains(nearest, output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(scratch.File("run")));
        Assert.False(Directory.Exists(scratch.File("state")));
        Assert.False(File.Exists(scratch.File("made.overlay")));
    }
}
