using Makatea.Fuzz;

namespace Makatea.Virtio.Tests.Fuzz;

/// <summary>What a fuzzer finds becomes a failed test that says how to repeat it, whatever the session does.</summary>
[Collection(AloneCollection.Name)]
public sealed class FuzzRunnerTests
{
    [Fact]
    public void A_broken_rule_leaves_the_input_that_breaks_it()
    {
        byte[] broke = [];
        using FuzzRunner runner = new(
            new Target(input =>
            {
                broke = input.Bytes.ToArray();
                FuzzException.ThrowUnless(broke.Length % 8 != 0, "the rule");
                return 1;
            }),
            5);
        FuzzException e = Assert.Throws<FuzzException>(() => runner.Run(1000));
        Assert.Contains("seed 5, session", e.Message);
        Assert.Contains("the rule", e.Message);
        AssertKept(broke, e);
    }

    [Fact]
    public void A_session_that_hangs_is_left_behind()
    {
        using ManualResetEventSlim end = new();
        byte[] hung = [];
        bool disposed = false;
        using (FuzzRunner runner = new(
            new Target(input =>
            {
                hung = input.Bytes.ToArray();
                end.Wait();
                return 1;
            })
            {
                Disposed = () => disposed = true,
            },
            5)
        {
            Patience = TimeSpan.FromSeconds(0.5),
        })
        {
            FuzzException e = Assert.Throws<FuzzException>(() => runner.Run(1));
            Assert.Contains("has hung", e.Message);
            AssertKept(hung, e);
        }

        Assert.False(disposed);
        end.Set();
    }

    [Fact]
    public void Memory_that_every_session_leaves_behind_is_found()
    {
        List<byte[]> leak = [];
        using FuzzRunner runner = new(
            new Target(_ =>
            {
                leak.Add(new byte[4096]);
                return 1;
            }),
            5);
        Assert.Contains("the process grew", Assert.Throws<FuzzException>(() => runner.Run(4000)).Message);
    }

    private static void AssertKept(byte[] expected, FuzzException e)
    {
        string file = e.Message.Split(' ')[^1];
        Assert.StartsWith("fake", Path.GetFileName(file));
        Assert.Equal(expected, File.ReadAllBytes(file));
        File.Delete(file);
    }

    private sealed class Target(Func<FuzzInput, long> run) : IFuzzTarget
    {
        public string Name => "fake";

        public string Unit => "runs";

        public int MaxInput => 64;

        public string Coverage => "";

        public Action? Disposed { get; init; }

        public long Run(FuzzInput input) => run(input);

        public void Dispose() => Disposed?.Invoke();
    }
}
