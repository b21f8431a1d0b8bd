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

    /// <summary>Makes memory as <see cref="CreateMemory(string, ulong)"/>, of pages that are each in one piece of the machine's memory and stay there.</summary>
    /// <param name="name">Shown by debugging tools.</param>
    /// <param name="length">Length in bytes: whole pages.</param>
    /// <param name="pageSize">Length of a page in bytes, such as a device needs that no IOMMU stands before.</param>
    /// <exception cref="IOException">The host has no such pages; the message says how to get them.</exception>
    public virtual Grant CreateMemory(string name, ulong length, int pageSize) =>
        throw new IOException($"this host has no pages of {pageSize} bytes");

    /// <summary>Makes a doorbell of our own, to ring from another thread.</summary>
    public abstract Doorbell CreateDoorbell();

    /// <summary>Makes a waiter.</summary>
    public abstract DoorbellWaiter CreateWaiter();

    /// <summary>Makes a grant of a doorbell of ours, for a peer to ring or to wait for. The doorbell stays ours to ring, wait for and dispose.</summary>
    /// <param name="doorbell">The doorbell.</param>
    /// <param name="end">What the peer will do with it. Hosts differ in whether they hold it to that.</param>
    /// <exception cref="ArgumentException">The doorbell is not of this host.</exception>
    /// <exception cref="IOException">There is none left that the peer could have; the message says how to get more.</exception>
    public abstract Grant ShareDoorbell(Doorbell doorbell, DoorbellEnd end);

    /// <summary>
    /// The host of what is to be granted over one channel. Where components can make nothing that they did not share from the start (seL4), memory and doorbells made here are
    /// of those that both ends of the channel have; elsewhere it is this host.
    /// </summary>
    /// <param name="channel">The channel.</param>
    public virtual ComponentHost For(MessageChannel channel) => this;

    /// <summary>Makes a channel whose other end can be granted.</summary>
    /// <param name="peer">The other end.</param>
    public abstract MessageChannel CreateChannel(out Grant peer);
}
