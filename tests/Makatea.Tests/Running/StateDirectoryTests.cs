using Makatea.Cli;
using Makatea.Running;

namespace Makatea.Tests.Running;

[Collection(EnvironmentCollection.Name)]
public sealed class StateDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public StateDirectoryTests()
    {
        Environment.SetEnvironmentVariable("XDG_RUNTIME_DIR", _directory.Path);
        Environment.SetEnvironmentVariable("XDG_STATE_HOME", Path.Combine(_directory.Path, "state"));
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_RUNTIME_DIR", null);
        Environment.SetEnvironmentVariable("XDG_STATE_HOME", null);
        _directory.Dispose();
    }

    [Fact]
    public void Nobody_else_can_enter_it()
    {
        using var state = StateDirectory.Take("demo");
        Assert.Equal($"{_directory.Path}/makatea/demo", state.DirectoryPath);
        foreach (string path in (string[])[state.DirectoryPath, Path.GetDirectoryName(state.DirectoryPath)!, state.Logs])
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public void A_system_runs_once()
    {
        using (StateDirectory.Take("demo"))
        {
            Assert.Contains("runs already", Assert.Throws<CommandException>(() => StateDirectory.Take("demo")).Message, StringComparison.Ordinal);
            StateDirectory.Take("other").Dispose();
        }

        StateDirectory.Take("demo").Dispose();
    }

    [Fact]
    public void What_a_dead_manager_left_is_cleared_away()
    {
        using (var state = StateDirectory.Take("demo"))
        {
            File.WriteAllText(state.DirectoryPath + "/work.root", "");
        }

        Assert.False(Directory.Exists($"{_directory.Path}/makatea/demo"));
        Directory.CreateDirectory($"{_directory.Path}/makatea/demo");
        File.WriteAllText($"{_directory.Path}/makatea/demo/work.root", "left");
        using var again = StateDirectory.Take("demo");
        Assert.False(File.Exists(again.DiskSocket("work", "root")));
    }

    [Fact]
    public void A_link_is_not_followed()
    {
        string elsewhere = Directory.CreateDirectory(Path.Combine(_directory.Path, "elsewhere")).FullName;
        Directory.CreateSymbolicLink(Path.Combine(_directory.Path, "makatea"), elsewhere);
        Assert.Contains("is a link to", Assert.Throws<CommandException>(() => StateDirectory.Take("demo")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_socket_path_that_the_kernel_would_cut_is_refused()
    {
        using var state = StateDirectory.Take("demo");
        Assert.Contains("the kernel takes 107", Assert.Throws<CommandException>(() => state.DiskSocket(new string('q', 60), new string('d', 30))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_systems_with_a_control_socket_are_listed()
    {
        Assert.Empty(StateDirectory.All());
        using var state = StateDirectory.Take("demo");
        Assert.Empty(StateDirectory.All());
        File.WriteAllText(state.ControlSocket, "");
        Assert.Equal([("demo", state.ControlSocket)], StateDirectory.All());
    }
}
