using System.Globalization;
using Makatea.Running;
using Makatea.Systems;
using Spectre.Console;

namespace Makatea.Views;

/// <summary>A system as a table.</summary>
internal static class StatusTable
{
    private const int WidthWithoutTerminal = 160;

    /// <summary>A console that writes tables to <paramref name="output"/>: plain text of a fixed width where that is no terminal.</summary>
    public static IAnsiConsole ConsoleFor(TextWriter output)
    {
        bool isTerminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = isTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        });
        if (!isTerminal)
        {
            console.Profile.Width = WidthWithoutTerminal;
        }

        return console;
    }

    /// <summary>Renders it.</summary>
    /// <param name="status">The system.</param>
    /// <param name="rates">Rates of its disks; without them their totals are shown.</param>
    public static Table Render(SystemStatus status, IReadOnlyDictionary<string, DiskRate>? rates)
    {
        Table table = new Table().RoundedBorder().BorderColor(Color.Grey)
            .Title($"[bold]{Markup.Escape(status.Name)}[/]{(status.Accelerator.Length == 0 ? "" : $" ({status.Accelerator.ToUpperInvariant()})")}")
            .AddColumn("name", c => c.NoWrap()).AddColumn("state", c => c.NoWrap()).AddColumn("pid", c => c.RightAligned())
            .AddColumn(rates is null ? "reads" : "reads/s", c => c.RightAligned()).AddColumn(rates is null ? "read" : "read/s", c => c.RightAligned())
            .AddColumn(rates is null ? "writes" : "writes/s", c => c.RightAligned()).AddColumn(rates is null ? "written" : "written/s", c => c.RightAligned())
            .AddColumn("what");
        foreach (DomainStatus domain in status.Domains)
        {
            string restarts = domain.Restarts == 0 ? "" : $", {Phrase.Count(domain.Restarts, "restart")}";
            AddRow(table, $"[bold]{Markup.Escape(domain.Name)}[/]", State(domain.State), domain.Pid, null, null, null, null,
                $"{domain.Kind} domain{restarts}, {domain.Sandbox.Count} of {domain.Sandbox.Count + domain.SandboxMissing.Count} sandbox layers{(domain.Reason is null ? "" : $": {domain.Reason}")}");
            if (domain.Uplink is { } uplink)
            {
                AddRow(table, "   uplink", Link(uplink.Link), null, null, null, null, null, $"{uplink.Through}, {Passed(uplink.Counters.SentBytes, uplink.Counters.ReceivedBytes, uplink.Counters)}");
            }

            foreach (ControllerStatus controller in domain.Controllers)
            {
                AddRow(table, $"   {Markup.Escape(controller.Name)}", "", null, null, null, null, null, Describe(controller));
            }
        }

        foreach (QubeStatus qube in status.Qubes)
        {
            AddRow(table, $"{Label(qube.Label)} {Markup.Escape(qube.Name)}", State(qube.State), qube.Pid, null, null, null, null,
                $"{SizeShape.Format(qube.MemoryBytes)}, {Phrase.Count(qube.Cores, "core")}{(qube.Vmm is { } vmm ? $", {VmmName(vmm)}" : "")}{(qube.Reason is null ? "" : $": {qube.Reason}")}");
            if (qube.Net is { } net)
            {
                // What its domain received, it sent.
                AddRow(table, "   net", Link(net.Attached), null, null, null, null, null, $"{net.Domain}: {net.Ip}, {Passed(net.Counters.ReceivedBytes, net.Counters.SentBytes, net.Counters)}");
            }

            foreach (DiskStatus disk in qube.Disks)
            {
                DiskRate? rate = rates is null ? null : rates.GetValueOrDefault(DiskRates.Key(qube, disk));
                DiskCounters c = disk.Counters;
                AddRow(table, $"   {Markup.Escape(disk.Name)}", "", null, rate?.Reads ?? c.Reads, rate?.ReadBytes ?? c.ReadBytes, rate?.Writes ?? c.Writes, rate?.WrittenBytes ?? c.WrittenBytes, Describe(disk));
            }
        }

        return table;
    }

    /// <summary>A size in bytes in a few letters.</summary>
    internal static string Bytes(double bytes)
    {
        string[] units = ["B", "K", "M", "G", "T"];
        int unit = 0;
        while (bytes >= 1000 && unit < units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        return bytes.ToString(unit == 0 || bytes >= 100 ? "0" : "0.#", CultureInfo.InvariantCulture) + units[unit];
    }

    private static string Describe(ControllerStatus controller) =>
        $"{controller.Kind}{(controller.Model is null ? "" : $" ({controller.Model})")}, {controller.Protection}{(controller.Resets == 0 ? "" : $", {Phrase.Count(controller.Resets, "reset")}")}";

    private static string Passed(long sent, long received, PortCounters counters) =>
        $"{Bytes(sent)} sent, {Bytes(received)} received{(counters.Dropped == 0 ? "" : $", {counters.Dropped} dropped")}";

    private static string VmmName(VmmKind vmm) => vmm == VmmKind.Makatea ? "makatea-vmm" : "QEMU";

    private static string Link(bool? isUp) => isUp switch
    {
        true => "[green]up[/]",
        false => "[yellow]down[/]",
        _ => "",
    };

    private static string Describe(DiskStatus disk)
    {
        string how = disk.Overlay is null ? (disk.ReadOnly ? ", read-only" : "") : disk.Overlay == DiskDescription.Volatile ? " + volatile overlay" : $" + {Path.GetFileName(disk.Overlay)}";
        return $"{disk.Domain}: {Path.GetFileName(disk.Source)}{how}{(disk.Counters.Errors == 0 ? "" : $", {Phrase.Count(disk.Counters.Errors, "error")}")}";
    }

    private static void AddRow(Table table, string name, string state, int? pid, double? reads, double? readBytes, double? writes, double? writtenBytes, string what) => table.AddRow(
        name, state, pid?.ToString(CultureInfo.InvariantCulture) ?? "", Count(reads), readBytes is { } r ? Bytes(r) : "", Count(writes), writtenBytes is { } w ? Bytes(w) : "", Markup.Escape(what));

    private static string Count(double? count) => count?.ToString("0", CultureInfo.InvariantCulture) ?? "";

    private static string State(PartState state)
    {
        string colour = state switch
        {
            PartState.Running => "green",
            PartState.Failed => "red",
            PartState.Stopped => "grey",
            _ => "yellow",
        };
        return $"[{colour}]{state.ToString().ToLowerInvariant()}[/]";
    }

    /// <summary>Qubes' colours, each to be told apart on light and dark.</summary>
    private static string Label(Label label) => label switch
    {
        Systems.Label.Orange => "[orange1]■[/]",
        Systems.Label.Gray => "[grey]■[/]",
        Systems.Label.Black => "[black on white]■[/]",
        _ => $"[{label.ToString().ToLowerInvariant()}]■[/]",
    };
}
