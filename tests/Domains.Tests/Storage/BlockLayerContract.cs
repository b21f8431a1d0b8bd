using Makatea.BlockContract;
using Makatea.Platform;

namespace Makatea.Domains.Storage.Tests;

/// <summary>What every layer over one device keeps besides: what is below fails, delays and reorders as it likes.</summary>
public abstract class BlockLayerContract : BlockDeviceContract
{
    /// <summary>Size of the device below in bytes; odd, so that its end is the end of nothing larger.</summary>
    protected virtual int SizeBelow => (1 << 20) + (3 * 512);

    /// <summary>The layer over <paramref name="below"/>.</summary>
    protected abstract BlockDevice CreateOver(BlockDevice below);

    protected override BlockDevice CreateDevice() => CreateOver(new MemoryDevice(SizeBelow));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_operations_match_the_model_over_a_device_that_delays_and_reorders(int seed)
    {
        using BlockDevice device = CreateOver(new FaultyDevice(new MemoryDevice(SizeBelow), seed));
        RunThreads(device, seed, mayFail: false);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Errors_from_below_are_passed_on_and_the_rest_matches_the_model(int seed)
    {
        var random = new Random(seed);
        bool failing = false;
        var faulty = new FaultyDevice(new MemoryDevice(SizeBelow), seed)
        {
            Fails = _ =>
            {
                lock (random)
                {
                    return failing && random.Next(10) == 0;
                }
            },
        };
        using BlockDevice device = CreateOver(faulty);
        failing = true;
        Assert.True(RunThreads(device, seed, mayFail: true, () => failing = false) > 0, "no error came through");
    }

    [Fact]
    public void Disposing_the_layer_disposes_what_is_below()
    {
        var below = new FaultyDevice(new MemoryDevice(SizeBelow), 1);
        BlockDevice device = CreateOver(below);
        BlockQueue queue = device.OpenQueue(1);
        queue.Dispose();
        Assert.Equal(0, below.OpenQueues);
        Assert.False(below.IsDisposed);
        device.Dispose();
        Assert.True(below.IsDisposed);
    }

    private static int RunThreads(BlockDevice device, int seed, bool mayFail, Action? settle = null)
    {
        QueueDriver[] drivers = [.. Enumerable.Range(0, 3).Select(_ => new QueueDriver(device, 32))];
        DiskModel? model = null;
        for (int tries = 0; model is null; tries++)
        {
            // Reading the model may meet the errors too.
            Exception? failure = Record.Exception(() => model = new DiskModel(drivers[0], Sectors(device)));
            Assert.True(failure is null || (mayFail && tries < 10_000), failure?.ToString());
        }

        var failures = new Exception?[drivers.Length];
        var errors = new int[drivers.Length];
        Thread[] threads = [.. drivers.Select((driver, i) => new Thread(() => failures[i] = Record.Exception(() =>
        {
            var load = new RandomLoad(device, driver, model!, (seed * 1000) + i) { MayFail = mayFail };
            load.Run(500);
            errors[i] = load.Failures;
        })))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Assert.All(failures, Assert.Null);

        settle?.Invoke();
        model!.CheckAll(drivers[0]);
        Array.ForEach(drivers, d => d.Dispose());
        return errors.Sum();
    }
}

/// <summary>What every layer that is a view of one device keeps besides.</summary>
public abstract class BlockViewContract : BlockLayerContract
{
    [Fact]
    public void A_change_of_the_device_below_is_passed_on()
    {
        var below = new FaultyDevice(new MemoryDevice(SizeBelow), 1);
        using BlockDevice device = CreateOver(below);
        int changes = 0;
        device.InfoChanged += () => changes++;
        below.ChangeInfo(info => info with { OptimalIoSize = 8192 });
        Assert.Equal(1, changes);
        Assert.Equal(8192, device.Info.OptimalIoSize);
    }
}
