using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Program = Makatea.Fuzz.Program;

namespace Makatea.Virtio.Tests.Fuzz;

/// <summary>
/// The fuzzers, for a short time and with fixed seeds, and what once broke something: in a process of their own, as an access to a guard page ends it.
/// The long run is a step of <c>test.sh</c>.
/// </summary>
public sealed partial class FuzzTests
{
    [Theory]
    [InlineData("requests", "3000")]
    [InlineData("messages", "5000")]
    [InlineData("net", "10000")]
    [InlineData("functions", "10000")]
    [InlineData("vmm", "300000")]
    public void A_short_run_finds_nothing(string target, string operations) => Assert.Matches(" in [0-9]+ sessions and ", Fuzz(target, operations, "1"));

    /// <summary>A fuzzer that reaches only the first check tests nothing.</summary>
    [Theory]
    [InlineData("ring-split", nameof(RingFault.TooManyOutstanding))]
    [InlineData("ring-packed", nameof(RingFault.AvailableIndexJumped), nameof(RingFault.HeadOutOfRange), nameof(RingFault.NextOutOfRange))]
    public void A_short_run_finds_nothing_and_reaches_every_fault(string target, params string[] notOfThisRing)
    {
        string output = Fuzz(target, "1000000", "2");
        Dictionary<string, long> faults = FaultCount().Matches(output[output.IndexOf("faults: ", StringComparison.Ordinal)..])
            .ToDictionary(m => m.Groups[1].Value, m => long.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture));

        // A chain of more than 4 GiB takes more memory than the fuzzer has; RingFaultContract has a test of it.
        string[] never = [.. notOfThisRing, nameof(RingFault.None), nameof(RingFault.ChainTooLarge)];
        foreach (string fault in Enum.GetNames<RingFault>().Except(never))
        {
            Assert.True(faults[fault] != 0, $"no {fault} in {output}");
        }
    }

    [Fact]
    public void What_once_broke_something_does_not_any_more()
    {
        string[] files = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Corpus"), "*.bin");
        Assert.NotEmpty(files);
        Assert.Equal(files.Length, Fuzz(["replay", .. files]).Split("all right").Length - 1);
    }

    private static string Fuzz(params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", [typeof(Program).Assembly.Location, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(5)))
        {
            process.Kill();
            Assert.Fail($"{string.Join(' ', arguments)} did not end: {output.Result}{error.Result}");
        }

        Assert.True(process.ExitCode == 0, $"{string.Join(' ', arguments)} ended with {process.ExitCode}: {output.Result}{error.Result}");
        return output.Result;
    }

    [GeneratedRegex("([A-Za-z]+) ([0-9]+)")]
    private static partial Regex FaultCount();
}
