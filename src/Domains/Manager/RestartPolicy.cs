namespace Makatea.Domains.Manager;

/// <summary>
/// How long to wait before a component that died is started again: not at all the first time, then twice as long each time, up to a limit; one that ran for long
/// enough starts anew. So a guest hardly notices one crash, and one crash after the other does not eat the machine.
/// </summary>
/// <param name="clock">The time.</param>
public sealed class RestartPolicy(TimeProvider clock)
{
    private long _startedAt = clock.GetTimestamp();

    /// <summary>The wait after the second crash in a row.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest wait.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Who ran this long is well.</summary>
    public TimeSpan WellAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Number of crashes in a row.</summary>
    public int Crashes { get; private set; }

    /// <summary>Number of crashes in all.</summary>
    public int TotalCrashes { get; private set; }

    /// <summary>It was started.</summary>
    public void OnStarted() => _startedAt = clock.GetTimestamp();

    /// <summary>It died.</summary>
    /// <returns>How long to wait before it is started again.</returns>
    public TimeSpan OnDied()
    {
        Crashes = clock.GetElapsedTime(_startedAt) >= WellAfter ? 1 : Crashes + 1;
        TotalCrashes++;
        if (Crashes == 1)
        {
            return TimeSpan.Zero;
        }

        double factor = Math.Pow(2, Math.Min(Crashes - 2, 30));
        return TimeSpan.FromMilliseconds(Math.Min(MaxDelay.TotalMilliseconds, FirstDelay.TotalMilliseconds * factor));
    }
}
