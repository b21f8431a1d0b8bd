using System.Globalization;

namespace Makatea.Compare.Nvme;

/// <summary>Shows medians and ratios.</summary>
internal static class NvmeReport
{
    /// <summary>Prints a table.</summary>
    /// <returns>The least ratio of "makatea" to "linux", or 0 where a run is missing.</returns>
    public static double Print(TextWriter output, IReadOnlyList<NvmeResult> results)
    {
        double least = double.PositiveInfinity;
        output.WriteLine("op     depth   makatea/s  linux/s  ratio  without polling/s  ratio  interrupts stay/s  ratio");
        foreach (IGrouping<(string Operation, int Depth), NvmeResult> scenario in results.GroupBy(r => (r.Operation, r.Depth)))
        {
            double linux = Median(scenario, "linux");
            double ours = Median(scenario, "makatea");
            double sleeping = Median(scenario, "sleeping");
            double stay = Median(scenario, "stay");
            least = double.IsNaN(ours / linux) ? 0 : Math.Min(least, ours / linux);
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{scenario.Key.Operation,-6} {scenario.Key.Depth,5} {ours,11:0} {linux,8:0} {ours / linux,6:0.00} {sleeping,18:0} {sleeping / linux,6:0.00} {stay,18:0} {stay / linux,6:0.00}"));
        }

        return results.Count == 0 ? 0 : least;
    }

    private static double Median(IEnumerable<NvmeResult> results, string side)
    {
        double[] rates = [.. results.Where(r => r.Side == side).Select(r => r.Rate).Order()];
        return rates.Length == 0 ? double.NaN : (rates[(rates.Length - 1) / 2] + rates[rates.Length / 2]) / 2;
    }
}
