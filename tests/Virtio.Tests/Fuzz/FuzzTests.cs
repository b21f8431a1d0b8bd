using Makatea.Fuzz;
using Makatea.Fuzz.Rings;
using Makatea.Virtio.Testing;
using Program = Makatea.Fuzz.Program;

namespace Makatea.Virtio.Tests.Fuzz;

/// <summary>The fuzzers: a short run with fixed seeds, what once broke something, and the long run.</summary>
public sealed class FuzzTests
{
    [Theory]
    [InlineData("ring-split", 300_000)]
    [InlineData("ring-packed", 300_000)]
    [InlineData("requests", 3_000)]
    [InlineData("messages", 1_000)]
    public void A_short_run_finds_nothing(string target, long operations) => Run(target, operations, 1);

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("ring-split", 10_000_000)]
    [InlineData("ring-packed", 10_000_000)]
    [InlineData("requests", 1_000_000)]
    [InlineData("messages", 1_000_000)]
    public void A_long_run_finds_nothing(string target, long operations) => Run(target, operations, (ulong)Random.Shared.NextInt64());

    [Fact]
    public void What_once_broke_something_does_not_any_more()
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Corpus"), "*.bin"))
        {
            Program.Replay(file);
        }
    }

    /// <summary>A fuzzer that reaches only the first check tests nothing.</summary>
    [Fact]
    public void The_ring_fuzzers_reach_every_fault_that_a_driver_can_cause()
    {
        using RingFuzz<FuzzedSplitRing, SplitRing, SplitDriverRing> split = new();
        using RingFuzz<FuzzedPackedRing, PackedRing, PackedDriverRing> packed = new();
        new FuzzRunner(split, 2).Run(1_000_000);
        new FuzzRunner(packed, 2).Run(1_000_000);

        // Neither has the memory for ChainTooLarge; split rings never have too many out, as their indices say how many there are.
        RingFault[] no = [RingFault.ChainTooLarge];
        RingFault[] splitOnly = [RingFault.AvailableIndexJumped, RingFault.HeadOutOfRange, RingFault.NextOutOfRange];
        foreach (RingFault fault in Enum.GetValues<RingFault>())
        {
            Assert.True(no.Contains(fault) || fault == RingFault.TooManyOutstanding || split.Faults[(int)fault] != 0, $"split rings: no {fault} in {split.Coverage}");
            Assert.True(no.Contains(fault) || splitOnly.Contains(fault) || packed.Faults[(int)fault] != 0, $"packed rings: no {fault} in {packed.Coverage}");
        }
    }

    private static void Run(string name, long operations, ulong seed)
    {
        using IFuzzTarget target = Program.Create(name);
        FuzzRunner runner = new(target, seed);
        runner.Run(operations);
        Assert.True(runner.Operations >= operations);
    }
}
