using System.Diagnostics;
using System.IO.Pipes;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Runs tests/SandboxProbe, in a sandbox or not.</summary>
internal static class Probe
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    /// <summary>Its assembly.</summary>
    public static string Assembly { get; } = typeof(Probe).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == "SandboxProbe").Value!;

    /// <summary>Runs it in a sandbox to its end.</summary>
    public static ProbeRun RunInside(string[] arguments, Func<SandboxOptions, SandboxOptions>? change = null, string? assembly = null)
    {
        SandboxOptions options = DotnetSandbox.ForAssembly(assembly ?? Assembly, arguments);
        return RunInside(change is null ? options : change(options));
    }

    /// <summary>Runs a program in a sandbox to its end.</summary>
    public static ProbeRun RunInside(SandboxOptions options)
    {
        using var output = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        using SandboxedProcess process = SandboxedProcess.Start(WithOutput(options, output));
        output.DisposeLocalCopyOfClientHandle();
        Task<string> text = new StreamReader(output).ReadToEndAsync();
        Assert.True(process.WaitForExit(_patience), "the probe did not end");
        return new(process.WaitForExit(), text.Result, process.Report);
    }

    /// <summary>Starts it in a sandbox and waits for the line <c>waiting</c>.</summary>
    public static SandboxedProcess StartWaiting(string[] arguments, Func<SandboxOptions, SandboxOptions>? change = null)
    {
        var output = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        SandboxOptions options = DotnetSandbox.ForAssembly(Assembly, arguments);
        SandboxedProcess process = SandboxedProcess.Start(WithOutput(change is null ? options : change(options), output));
        output.DisposeLocalCopyOfClientHandle();
        string? line = new StreamReader(output).ReadLine();
        if (line != "waiting")
        {
            process.Dispose();
            Assert.Fail($"the probe said '{line}'");
        }

        return process;
    }

    /// <summary>Runs it as an ordinary process, by way of another program if one is given.</summary>
    public static ProbeRun RunOutside(string[] arguments, string[]? by = null, string? assembly = null)
    {
        string[] command = [.. by ?? [], Environment.ProcessPath!, "exec", assembly ?? Assembly, .. arguments];
        using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
            Environment = { ["DOTNET_CLI_HOME"] = "/tmp" },
        })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(_patience), "the probe did not end");
        return new(new(process.ExitCode, null), output + error.Result, new([]));
    }

    private static SandboxOptions WithOutput(SandboxOptions options, AnonymousPipeServerStream output) => options with
    {
        Descriptors = new Dictionary<int, SafeHandle>(options.Descriptors) { [1] = output.ClientSafePipeHandle, [2] = output.ClientSafePipeHandle },
    };
}

/// <summary>What a run of the probe came to.</summary>
internal sealed record ProbeRun(ProcessExit Exit, string Output, SandboxReport Report)
{
    /// <summary>Lines with a tab: name and result.</summary>
    public IReadOnlyDictionary<string, string> Results { get; } = Output.Split('\n')
        .Select(l => l.Split('\t', 2)).Where(l => l.Length == 2).ToDictionary(l => l[0], l => l[1]);

    /// <summary>The result of an attempt.</summary>
    public string this[string name] => Results.TryGetValue(name, out string? result) ? result : throw new KeyNotFoundException($"no '{name}' in: {Output} {Exit}");

    /// <summary>Fails if it did not end by itself with 0.</summary>
    public ProbeRun MustSucceed()
    {
        Assert.True(Exit.Code == 0, $"{Exit}\n{Output}\n{Report}");
        return this;
    }
}
