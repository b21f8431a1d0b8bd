using Makatea.Domains.Manager;

namespace Makatea.Domains.Tests.Manager;

public class RestartPolicyTests
{
    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    [Fact]
    public void Waits_twice_as_long_each_time_up_to_the_limit()
    {
        var policy = new RestartPolicy(new Clock()) { MaxDelay = TimeSpan.FromSeconds(1) };
        Assert.Equal([0, 100, 200, 400, 800, 1000, 1000], Enumerable.Range(0, 7).Select(_ => policy.OnDied().TotalMilliseconds));
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(1000, policy.OnDied().TotalMilliseconds);
        }

        Assert.Equal((107, 107), (policy.Crashes, policy.TotalCrashes));
    }

    [Fact]
    public void Who_ran_well_starts_anew()
    {
        var clock = new Clock();
        var policy = new RestartPolicy(clock);
        policy.OnDied();
        policy.OnDied();
        policy.OnStarted();
        clock.Now += policy.WellAfter;
        Assert.Equal(TimeSpan.Zero, policy.OnDied());
        policy.OnStarted();
        clock.Now += policy.WellAfter - TimeSpan.FromTicks(1);
        Assert.Equal(policy.FirstDelay, policy.OnDied());
        Assert.Equal((2, 4), (policy.Crashes, policy.TotalCrashes));
    }
}
