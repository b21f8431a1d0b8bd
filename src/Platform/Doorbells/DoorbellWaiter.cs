namespace Makatea.Platform;

/// <summary>
/// The wait side of doorbells, for one thread, which learns of each by one of 64 bits; several may share one. On seL4 these are the badge bits of one notification.
/// </summary>
public abstract class DoorbellWaiter : IDisposable
{
    /// <summary>Passed to <see cref="Wait"/>: until a doorbell rings.</summary>
    public const long Forever = long.MaxValue;

    /// <summary>Lets <paramref name="doorbell"/> set bit <paramref name="bit"/> (0 to 63). Takes effect at once, also from other threads.</summary>
    public abstract void Add(Doorbell doorbell, int bit);

    /// <summary>Stops listening to a doorbell. Takes effect at once, also from other threads.</summary>
    public abstract void Remove(Doorbell doorbell);

    /// <summary>
    /// Sleeps until a doorbell rang or <paramref name="deadline"/> passed, and clears what rang.
    /// </summary>
    /// <param name="deadline">A <see cref="TimeProvider.GetTimestamp"/> of <see cref="TimeProvider.System"/>; one in the past polls, <see cref="Forever"/> never ends.</param>
    /// <returns>A bit for each doorbell that rang; 0 at the deadline.</returns>
    public abstract ulong Wait(long deadline);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the waiter up; the doorbells stay.</summary>
    protected abstract void Dispose(bool disposing);
}
