using System.Globalization;
using Spectre.Console;

namespace Makatea.Views;

/// <summary>Ports of net domains as a table: who sends and receives what, what is dropped and why.</summary>
internal static class NetPortTable
{
    private const int ShownReasons = 3;

    /// <summary>Renders them.</summary>
    /// <param name="ports">The ports.</param>
    /// <param name="rates">Their rates; without them their totals are shown.</param>
    public static Table Render(IReadOnlyList<NetPortReport> ports, IReadOnlyDictionary<string, NetPortRate>? rates)
    {
        bool isLive = rates is not null;
        Table table = new Table().RoundedBorder().BorderColor(Color.Grey)
            .AddColumn("port", c => c.NoWrap()).AddColumn("where", c => c.NoWrap()).AddColumn("link", c => c.NoWrap())
            .AddColumn(isLive ? "sent pkt/s" : "sent pkt", c => c.RightAligned()).AddColumn(isLive ? "bit/s" : "bytes", c => c.RightAligned())
            .AddColumn(isLive ? "received pkt/s" : "received pkt", c => c.RightAligned()).AddColumn(isLive ? "bit/s" : "bytes", c => c.RightAligned())
            .AddColumn("connections", c => c.RightAligned()).AddColumn(isLive ? "drops/s" : "drops", c => c.RightAligned()).AddColumn("dropped, why");
        bool hasSeveral = ports.Select(p => p.System).Distinct().Count() > 1;
        foreach (NetPortReport port in ports)
        {
            NetPortRate? rate = rates?.GetValueOrDefault(port.Key);
            table.AddRow(
                Name(port, hasSeveral), Markup.Escape(port.Where), port.IsUp switch { true => "[green]up[/]", false => "[yellow]down[/]", _ => "" },
                Count(rate?.SentPackets ?? port.SentPackets), rate is { } s ? Amount(s.SentBits, 1000) : Amount(port.SentBytes, 1024),
                Count(rate?.ReceivedPackets ?? port.ReceivedPackets), rate is { } r ? Amount(r.ReceivedBits, 1000) : Amount(port.ReceivedBytes, 1024),
                Count(port.Connections), Count(rate?.Drops ?? port.Drops.Values.Sum()), Markup.Escape(Reasons(port.Drops)));
        }

        return table;
    }

    /// <summary>A number in a few letters: units are powers of 1000 for bits, of 1024 for bytes.</summary>
    internal static string Amount(double value, int unit)
    {
        string[] units = ["", "K", "M", "G", "T"];
        int power = 0;
        while (value >= 1000 && power < units.Length - 1)
        {
            value /= unit;
            power++;
        }

        return value.ToString(power == 0 || value >= 100 ? "0" : "0.#", CultureInfo.InvariantCulture) + units[power];
    }

    /// <summary>The most frequent reasons.</summary>
    internal static string Reasons(IReadOnlyDictionary<string, long> drops)
    {
        string[] shown = [.. drops.OrderByDescending(d => d.Value).ThenBy(d => d.Key, StringComparer.Ordinal).Take(ShownReasons).Select(d => string.Create(CultureInfo.InvariantCulture, $"{d.Value} {d.Key}"))];
        return string.Join(", ", shown) + (drops.Count > ShownReasons ? ", ..." : "");
    }

    private static string Name(NetPortReport port, bool withSystem)
    {
        string system = withSystem ? $"{Markup.Escape(port.System)}: " : "";
        return port.Kind == Domains.Net.NetMetrics.Uplink ? $"{system}[bold]{Markup.Escape(port.Name)}[/]" : $"{system}   {Markup.Escape(port.Name)}";
    }

    private static string Count(double count) => count.ToString("0", CultureInfo.InvariantCulture);
}
