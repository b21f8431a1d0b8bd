using System.Globalization;
using Makatea.Running;
using Makatea.Systems;
using Spectre.Console;

namespace Makatea.Views;

/// <summary>A qube and its machine as a table.</summary>
internal static class QubeTable
{
    /// <summary>Renders it.</summary>
    public static Table Render(QubeReport report)
    {
        QubeStatus qube = report.Qube;
        Table table = new Table().RoundedBorder().BorderColor(Color.Grey).Title($"[bold]{Markup.Escape(qube.Name)}[/]").HideHeaders().AddColumn("what", c => c.NoWrap()).AddColumn("value");
        Add(table, "state", $"{qube.State.ToString().ToLowerInvariant()}{(qube.Reason is null ? "" : $": {qube.Reason}")}{(qube.Pid is { } pid ? $", process {pid}" : "")}");
        Add(table, "memory", $"{SizeShape.Format(qube.MemoryBytes)}, {Phrase.Count(qube.Cores, "core")}");
        Add(table, "console", $"'makatea console {qube.Name}'; all that it said is in {qube.ConsoleLog}");
        if (qube.Net is { } net)
        {
            Add(table, "net", $"{net.Domain}: {net.Ip}, {net.Ip6}, {net.Mac}{(net.Attached ? "" : ", detached")}");
        }

        foreach (DiskStatus disk in qube.Disks)
        {
            Add(table, $"disk {disk.Name}", $"{disk.Domain}: {disk.Source}{(disk.Overlay is null ? "" : $" + {disk.Overlay}")}{(disk.ReadOnly ? ", read-only" : "")}");
        }

        if (report.Machine is { } machine)
        {
            AddMachine(table, machine);
        }

        return table;
    }

    private static void AddMachine(Table table, QubeMachine machine)
    {
        Add(table, "vmm", machine.Vmm);
        if (machine.TscFrequency is { } frequency)
        {
            Add(table, "time stamps", $"{(frequency / 1e6).ToString("0.###", CultureInfo.InvariantCulture)} MHz");
        }

        foreach (QubeProcessor processor in machine.Processors)
        {
            Add(table, $"processor {processor.Id}", $"{(machine.Status == "running" ? processor.State?.Replace('-', ' ') ?? machine.Status : machine.Status)}{(processor.Exits is { } exits ? $", {Phrase.Count(exits, "exit")}" : "")}");
        }

        foreach (QubeMachineDevice device in machine.Devices)
        {
            Add(table, device.Kind, $"{device.Socket}, {Phrase.Count(device.Queues, "queue")}, features {device.Features}");
        }

        if (machine.ConsoleLost is > 0 and { } lost)
        {
            Add(table, "console lost", Phrase.Count(lost, "byte"));
        }

        foreach (QubeMitigation mitigation in machine.Mitigations)
        {
            Add(table, mitigation.Name, $"{mitigation.State.Replace('-', ' ')}: {mitigation.Why}");
        }
    }

    private static void Add(Table table, string what, string value) => table.AddRow(Markup.Escape(what), Markup.Escape(value));
}
