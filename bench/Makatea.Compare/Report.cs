using System.Globalization;
using System.Text.Json;

namespace Makatea.Compare;

/// <summary>Shows comparisons.</summary>
internal static class Report
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static void Header(TextWriter output, string peer)
    {
        output.WriteLine(Row("device", "op", "depth", "queues", "makatea", peer, "ratio", "makatea", peer, "ratio"));
        output.WriteLine(Row("", "", "", "", "kops/s", "kops/s", "", "us CPU/op", "us CPU/op", ""));
    }

    public static void Line(TextWriter output, Comparison c) => output.WriteLine(Row(
        c.Scenario.Device.ToString().ToLowerInvariant(),
        c.Scenario.Operation.ToString().ToLowerInvariant(),
        Number(c.Scenario.Depth, "0"),
        Number(c.Scenario.Queues, "0"),
        Number(c.OurRate / 1000, "0.0"),
        Number(c.PeerRate / 1000, "0.0"),
        Number(c.RateRatio, "0.00"),
        Number(c.OurCpu, "0.000"),
        Number(c.PeerCpu, "0.000"),
        Number(c.CpuRatio, "0.00")));

    public static void Json(TextWriter output, IReadOnlyList<Comparison> comparisons) => output.WriteLine(JsonSerializer.Serialize(comparisons, _json));

    private static string Number(double value, string format) => double.IsNaN(value) ? "-" : value.ToString(format, CultureInfo.InvariantCulture);

    private static string Row(params ReadOnlySpan<string> cells)
    {
        ReadOnlySpan<int> widths = [8, 6, 6, 7, 10, 10, 7, 10, 10, 7];
        string row = "";
        for (int i = 0; i < cells.Length; i++)
        {
            row += i < 2 ? cells[i].PadRight(widths[i]) : cells[i].PadLeft(widths[i]);
        }

        return row;
    }
}
