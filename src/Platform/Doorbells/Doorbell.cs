namespace Makatea.Platform;

/// <summary>
/// A one-bit wake-up between components: a notification on seL4, an eventfd on Linux. Rings coalesce and carry nothing.
/// </summary>
public abstract class Doorbell : IDisposable
{
    /// <summary>Wakes whoever waits, now or at its next wait. Returns at once.</summary>
    public abstract void Ring();

    /// <summary>Gives the doorbell up.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the doorbell up.</summary>
    protected abstract void Dispose(bool disposing);
}
