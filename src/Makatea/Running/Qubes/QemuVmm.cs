using System.Text.Json.Nodes;
using Makatea.Platform.Linux;
using Makatea.Qemu;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>QEMU.</summary>
/// <param name="qemu">Path of its executable.</param>
/// <param name="accelerator">What it runs a guest's instructions with.</param>
internal sealed class QemuVmm(string qemu, Accelerator accelerator) : QubeVmm
{
    /// <inheritdoc/>
    public override VmmKind Kind => VmmKind.Qemu;

    /// <inheritdoc/>
    public override string Title => "QEMU";

    /// <inheritdoc/>
    public override SandboxOptions Program(QubeDescription qube, QubePaths paths, int monitor, string? restore = null) =>
        restore is null ? new() { Executable = qemu, Arguments = QemuCommandLine.Build(qube, accelerator, paths, monitor) } : throw NoSnapshots();

    /// <inheritdoc/>
    public override async Task<QubeMachine> InfoAsync(QmpClient monitor, CancellationToken cancellation)
    {
        JsonNode version = (await monitor.ExecuteAsync("query-version", cancellation).ConfigureAwait(false))!["qemu"]!;
        string status = (await monitor.ExecuteAsync("query-status", cancellation).ConfigureAwait(false))!["status"]!.GetValue<string>();
        JsonArray processors = (await monitor.ExecuteAsync("query-cpus-fast", cancellation).ConfigureAwait(false))!.AsArray();
        return new QubeMachine
        {
            Vmm = $"QEMU {version["major"]}.{version["minor"]}.{version["micro"]} with {accelerator.Name.ToUpperInvariant()}",
            Status = status,
            Processors = [.. processors.Select(p => new QubeProcessor(p!["cpu-index"]!.GetValue<uint>()))],
        };
    }

    /// <inheritdoc/>
    public override Task SnapshotAsync(QmpClient monitor, string file, CancellationToken cancellation) => throw NoSnapshots();

    private static IOException NoSnapshots() => new("it runs in QEMU, and qubes of makatea-vmm alone have snapshots ('vmm: makatea' in the system file)");
}
