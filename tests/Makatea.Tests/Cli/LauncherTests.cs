using System.Diagnostics;

namespace Makatea.Tests.Cli;

/// <summary>Runs <c>./makatea</c> in a tree of its own with a dotnet that notes what it was asked for.</summary>
[Trait("Category", "Long")]
public sealed class LauncherTests : IDisposable
{
    private const string FakeDotnet = """
        #!/usr/bin/env bash
        here=${0%/*}
        echo "$*" >> "$here/calls"
        case $1 in
          --list-sdks) cat "$here/sdks" ;;
          publish)
            sleep 0.3
            if [[ -e $here/no-crossgen && "$*" == *PublishReadyToRun=true* ]]; then echo "error NU1101: Microsoft.NETCore.App.Crossgen2"; exit 1; fi
            if [[ -e $here/broken ]]; then echo "X.cs(1,1): error CS1002: ; expected"; exit 1; fi
            touch "${@: -1}/makatea.dll" ;;
          *) echo "ran: ${*:2}"; [[ ! -e $here/wait ]] || sleep 1 ;;
        esac
        """;

    private readonly TemporaryDirectory _tree = new();

    public LauncherTests()
    {
        string root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "Makatea.sln")))
        {
            root = Path.GetDirectoryName(root)!;
        }

        Directory.CreateDirectory(Path.Combine(_tree.Path, "src/Makatea"));
        Directory.CreateDirectory(Path.Combine(_tree.Path, "dotnet"));
        foreach (string file in (string[])["Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "global.json", "src/Makatea/Program.cs", "src/Makatea/Old.cs"])
        {
            _tree.File(file);
        }

        File.Copy(Path.Combine(root, "makatea"), Path.Combine(_tree.Path, "makatea"));
        _tree.File("dotnet/sdks", "9.0.100 [/x]\n10.0.100 [/x]\n");
        File.SetUnixFileMode(_tree.File("dotnet/dotnet", FakeDotnet), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        foreach (string path in Directory.EnumerateFileSystemEntries(_tree.Path, "*", SearchOption.AllDirectories))
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddMinutes(-1));
        }
    }

    public void Dispose() => _tree.Dispose();

    private Process Start(bool hasDotnet = true)
    {
        var start = new ProcessStartInfo("/bin/bash", [Path.Combine(_tree.Path, "makatea"), "ls", "--json"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HOME"] = _tree.Path;
        start.Environment["PATH"] = "/usr/bin:/bin";
        start.Environment["DOTNET_ROOT"] = hasDotnet ? Path.Combine(_tree.Path, "dotnet") : "";
        if (!hasDotnet)
        {
            string bin = Directory.CreateDirectory(Path.Combine(_tree.Path, "bin")).FullName;
            File.CreateSymbolicLink(Path.Combine(bin, "readlink"), "/usr/bin/readlink");
            start.Environment["PATH"] = bin;
        }

        return Process.Start(start)!;
    }

    private static (int Exit, string Output, string Error) Finish(Process process)
    {
        using (process)
        {
            Task<string> error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)));
            return (process.ExitCode, output, error.Result);
        }
    }

    private int Publishes => File.ReadAllLines(Path.Combine(_tree.Path, "dotnet/calls")).Count(l => l.StartsWith("publish", StringComparison.Ordinal));

    private int Builds => Directory.GetDirectories(Path.Combine(_tree.Path, "artifacts/makatea"), "2*").Length;

    [Fact]
    public void Builds_on_first_use_alone()
    {
        (int exit, string output, string error) = Finish(Start());
        Assert.Equal((0, "ran: ls --json\n"), (exit, output));
        Assert.Contains("makatea: building", error, StringComparison.Ordinal);
        (_, output, error) = Finish(Start());
        Assert.Equal(("ran: ls --json\n", "", 1), (output, error, Publishes));
    }

    [Theory]
    [InlineData("src/Makatea/Program.cs")]
    [InlineData("Directory.Packages.props")]
    [InlineData("global.json")]
    public void Builds_again_where_a_source_is_newer(string source)
    {
        Finish(Start());
        File.SetLastWriteTimeUtc(Path.Combine(_tree.Path, source), DateTime.UtcNow);
        Finish(Start());
        Assert.Equal((2, 1), (Publishes, Builds));
    }

    [Fact]
    public void Builds_again_where_a_source_went_away()
    {
        Finish(Start());
        File.Delete(Path.Combine(_tree.Path, "src/Makatea/Old.cs"));
        Finish(Start());
        Assert.Equal(2, Publishes);
    }

    [Fact]
    public void Build_output_is_no_source()
    {
        Finish(Start());
        Directory.CreateDirectory(Path.Combine(_tree.Path, "src/Makatea/obj"));
        Directory.SetLastWriteTimeUtc(Path.Combine(_tree.Path, "src/Makatea"), DateTime.UtcNow.AddMinutes(-1));
        _tree.File("src/Makatea/obj/new.cs");
        Finish(Start());
        Assert.Equal(1, Publishes);
    }

    [Fact]
    public void Many_at_once_build_once()
    {
        Process[] processes = [.. Enumerable.Range(0, 6).Select(_ => Start())];
        Assert.All(processes, p => Assert.Equal((0, "ran: ls --json\n"), (Finish(p) is var r ? (r.Exit, r.Output) : default)));
        Assert.Equal(1, Publishes);
    }

    [Fact]
    public void A_build_in_use_stays_until_it_is_not()
    {
        _tree.File("dotnet/wait");
        Finish(Start());
        Process user = Start();
        Assert.Equal("ran: ls --json", user.StandardOutput.ReadLine());
        File.SetLastWriteTimeUtc(Path.Combine(_tree.Path, "src/Makatea/Program.cs"), DateTime.UtcNow);
        Process rebuilds = Start();
        Assert.NotNull(rebuilds.StandardOutput.ReadLine());
        Assert.Equal(2, Builds);
        Finish(user);
        Finish(rebuilds);
        File.SetLastWriteTimeUtc(Path.Combine(_tree.Path, "src/Makatea/Program.cs"), DateTime.UtcNow.AddMilliseconds(1));
        Finish(Start());
        Assert.Equal(1, Builds);
    }

    [Fact]
    public void Does_without_ahead_of_time_code_where_its_compiler_is_missing()
    {
        _tree.File("dotnet/no-crossgen");
        Assert.Equal(0, Finish(Start()).Exit);
        Assert.Equal(2, Publishes);
    }

    [Fact]
    public void A_failed_build_shows_the_errors_and_leaves_nothing()
    {
        _tree.File("dotnet/broken");
        (int exit, string output, string error) = Finish(Start());
        Assert.Equal((1, ""), (exit, output));
        Assert.Contains("X.cs(1,1): error CS1002", error, StringComparison.Ordinal);
        Assert.Contains("build.log", error, StringComparison.Ordinal);
        Assert.Equal(0, Builds);
    }

    [Fact]
    public void Missing_dotnet_or_SDK_says_what_to_install()
    {
        (int exit, _, string error) = Finish(Start(hasDotnet: false));
        Assert.Equal(1, exit);
        Assert.Contains("dotnet not found", error, StringComparison.Ordinal);
        Assert.Contains("install the .NET 10 SDK", error, StringComparison.Ordinal);
        _tree.File("dotnet/sdks", "8.0.100 [/x]\n");
        (exit, _, error) = Finish(Start());
        Assert.Equal(1, exit);
        Assert.Contains("has no .NET 10 SDK", error, StringComparison.Ordinal);
    }
}
