using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Makatea.Cli;
using Makatea.Platform.Linux;
using Makatea.Qemu;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>makatea-vmm.</summary>
/// <param name="program">How it is started.</param>
internal sealed class MakateaVmm(SandboxOptions program) : QubeVmm
{
    /// <summary>Names another executable than the one beside this program.</summary>
    public const string Variable = "MAKATEA_VMM";

    private const string Name = "makatea-vmm";
    private const ulong MemoryUnit = 2 << 20;

    /// <inheritdoc/>
    public override VmmKind Kind => VmmKind.Makatea;

    /// <inheritdoc/>
    public override string Title => Name;

    /// <summary>The one that <see cref="Variable"/> names, else the one beside this program: compiled ahead of time, or an assembly for the runtime that this program runs in.</summary>
    /// <exception cref="CommandException">There is none.</exception>
    public static MakateaVmm Find()
    {
        string? asked = Environment.GetEnvironmentVariable(Variable);
        string executable = Path.GetFullPath(asked is { Length: > 0 } ? asked : Path.Combine(AppContext.BaseDirectory, Name));
        string assembly = executable + ".dll";
        return File.Exists(assembly) ? new(DotnetSandbox.ForAssembly(assembly))
            : File.Exists(executable) ? new(DotnetSandbox.ForExecutable(executable))
            : throw new CommandException($"found no {Name} at {executable}; {(asked is { Length: > 0 } ? $"let {Variable} name it" : "build it")}, or write 'vmm: qemu' for the qubes");
    }

    /// <inheritdoc/>
    public override SandboxOptions Program(QubeDescription qube, QubePaths paths, int monitor, string? restore = null)
    {
        ulong memory = (qube.Memory + MemoryUnit - 1) / MemoryUnit * (MemoryUnit >> 20);
        List<string> arguments =
        [
            "--qmp", string.Create(CultureInfo.InvariantCulture, $"fd:{monitor}"), "--console", paths.Console, "--console-log", paths.ConsoleLog,
            "--memory", memory.ToString(CultureInfo.InvariantCulture), "--cpus", qube.Cores.ToString(CultureInfo.InvariantCulture),
            "--kernel", qube.Kernel!.Value.Value, $"--cmdline={qube.CommandLine ?? QemuCommandLine.DefaultCommandLine}",
        ];
        if (qube.Initrd is { } initrd)
        {
            arguments.AddRange(["--initramfs", initrd.Value]);
        }

        arguments.AddRange(restore is null ? [] : ["--restore", restore]);
        arguments.AddRange(paths.Disks.SelectMany(d => (string[])["--disk", d]));
        if (paths.Net is { } net)
        {
            // We listen and the domain is handed connections, as with QEMU.
            arguments.AddRange(["--net", $"{net},mac={qube.Addresses!.Mac},server=on"]);
        }

        return program with { Arguments = [.. program.Arguments, .. arguments] };
    }

    /// <inheritdoc/>
    public override Task SnapshotAsync(QmpClient monitor, string file, CancellationToken cancellation) =>
        monitor.ExecuteAsync("x-makatea-snapshot", new JsonObject { ["file"] = file }, cancellation);

    /// <inheritdoc/>
    public override async Task<QubeMachine> InfoAsync(QmpClient monitor, CancellationToken cancellation)
    {
        JsonNode? version = await monitor.ExecuteAsync("query-version", cancellation).ConfigureAwait(false);
        JsonNode? info = await monitor.ExecuteAsync("x-makatea-info", cancellation).ConfigureAwait(false);
        QubeMachine machine = info.Deserialize(QubeMachineJson.Default.QubeMachine)!;
        return machine with { Vmm = $"{Name} {version!["qemu"]!["major"]}.{version["qemu"]!["minor"]}.{version["qemu"]!["micro"]} with KVM{(machine.IsEmulated == true ? ", which is emulated" : "")}" };
    }
}
