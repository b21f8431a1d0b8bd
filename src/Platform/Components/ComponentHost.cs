namespace Makatea.Platform;

/// <summary>
/// What a component can make for itself on the host it runs on, without opening anything by name. Chosen at the composition root.
/// </summary>
public abstract class ComponentHost
{
    /// <summary>Makes memory that can be granted to others: zeroed, of fixed size, sealed against shrinking.</summary>
    /// <param name="name">Shown by debugging tools.</param>
    /// <param name="length">Length in bytes.</param>
    public abstract Grant CreateMemory(string name, ulong length);

    /// <summary>Makes a doorbell of our own, to ring from another thread.</summary>
    public abstract Doorbell CreateDoorbell();

    /// <summary>Makes a waiter.</summary>
    public abstract DoorbellWaiter CreateWaiter();
}
