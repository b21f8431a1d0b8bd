using FsCheck;
using FsCheck.Fluent;

namespace Makatea.Vmm.Tests;

public sealed class TscClockTests
{
    private const ulong Frequency = 2_500_000_000;

    private readonly SteppedTime _time = new();
    private double _real = Frequency;
    private ulong _offset = 1 << 20;

    [Fact]
    public void Time_and_count_go_by_the_frequency_that_the_guest_is_told()
    {
        TscClock tsc = new(_time.Clock, Frequency, Count);
        ulong count = tsc.Now;
        Assert.Equal(_time.Clock.Now + 1000, tsc.TimeOf(count + 2500));
        _time.Jump(1000);
        Assert.Equal(count + 2500, tsc.Now);
    }

    [Theory]
    [InlineData(1.000_050)]
    [InlineData(0.999_950)]
    public void A_counter_that_is_off_by_50_parts_in_a_million_does_not_drift_away_in_a_year(double off)
    {
        _real = Frequency * off;
        TscClock tsc = new(_time.Clock, Frequency, Count);
        for (int day = 0; day < 365; day++)
        {
            _time.Jump(86_400 * GuestClock.Second);
            ulong count = Count();
            Assert.InRange(tsc.TimeOf(count + Frequency) - _time.Clock.Now, GuestClock.Second * 0.9999, GuestClock.Second * 1.0001);
        }
    }

    [Fact]
    public void A_counter_that_was_written_is_followed_when_renewed()
    {
        TscClock tsc = new(_time.Clock, Frequency, Count);
        _offset += 1ul << 50;
        tsc.Renew();
        Assert.Equal(Count(), tsc.Now);
        Assert.Equal(_time.Clock.Now, tsc.TimeOf(Count()));
    }

    [Fact]
    public void A_counter_that_went_on_while_the_guest_was_paused_is_followed()
    {
        TscClock tsc = new(_time.Clock, Frequency, Count);
        _time.Clock.Pause();
        _offset += 500; // the clock stands still, the counter does not
        _time.Clock.Resume();
        Assert.Equal(Count(), tsc.Now);
        Assert.Equal(_time.Clock.Now, tsc.TimeOf(Count()));
    }

    [Fact]
    public void An_interrupted_reading_is_done_again()
    {
        int readings = 0;
        TscClock tsc = new(_time.Clock, Frequency, () =>
        {
            if (++readings % 4 == 1)
            {
                _time.Jump(50_000_000); // descheduled before the counter was read
            }

            return Count();
        });
        Assert.Equal(Count(), tsc.Now);
        Assert.Equal(2, readings);
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(1ul)]
    [InlineData(ulong.MaxValue)]
    public void Any_count_has_a_time(ulong count) => Assert.InRange(new TscClock(_time.Clock, 1, Count).TimeOf(count), 0, long.MaxValue);

    [Fact]
    public void Later_counts_have_later_times() => Prop.ForAll<ulong, ulong, uint>((one, other, frequency) =>
    {
        TscClock tsc = new(_time.Clock, (ulong)frequency + 1, Count);
        Assert.True(tsc.TimeOf(Math.Min(one, other)) <= tsc.TimeOf(Math.Max(one, other)));
    }).QuickCheckThrowOnFailure();

    private ulong Count() => _offset + (ulong)(_time.Clock.Now / 1e9 * _real);
}
