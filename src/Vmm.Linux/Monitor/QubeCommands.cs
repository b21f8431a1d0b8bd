using System.Text.Json;
using System.Text.Json.Nodes;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>The commands about a qube's life, which are QEMU's, and what a qube is.</summary>
internal static class QubeCommands
{
    /// <summary>Those of a qube.</summary>
    public static IEnumerable<MonitorCommand> Of(QubeProgram program) =>
    [
        new("stop", program.Pause),
        new("cont", program.Resume),
        new("system_powerdown", program.PressPowerButton),
        new("system_reset", program.Reset),
        new("quit", () => program.End("host-qmp-quit")),
        new("query-status", () => QueryStatus(program.Status)),
        new("query-cpus-fast", () => QueryCpus(program)),
        new("x-makatea-snapshot", ["file"], arguments =>
        {
            program.Save(arguments.Text("file"));
            return null;
        }),
        new("x-makatea-info", () => JsonSerializer.SerializeToNode(QubeInfo.Of(program), QubeInfoJson.Default.QubeInfo)),
    ];

    private static JsonObject QueryStatus(string status) => new() { ["status"] = status, ["running"] = status == "running" };

    /// <summary>Without QEMU's numbers of threads: their names say which they are, <c>vcpu 0</c> and so on.</summary>
    private static JsonArray QueryCpus(QubeProgram program)
    {
        int count = program.Look(qube => qube.Processors.Count, 0);
        return new([.. Enumerable.Range(0, count).Select(i => new JsonObject { ["cpu-index"] = i, ["target"] = "x86_64", ["props"] = new JsonObject { ["core-id"] = i } })]);
    }
}
