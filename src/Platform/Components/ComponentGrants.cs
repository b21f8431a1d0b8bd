namespace Makatea.Platform;

/// <summary>
/// Uses of the rights that a component's manifest lists. Chosen at the composition root, as <see cref="ComponentHost"/> is. A right stays in its slot whatever is made of
/// it, so it can be used more than once.
/// </summary>
public abstract class ComponentGrants
{
    /// <summary>Names of the options that this host understands for files, such as how requests are done.</summary>
    public abstract IReadOnlyCollection<string> FileOptions { get; }

    /// <summary>The right itself: memory, a doorbell, a channel.</summary>
    /// <exception cref="GrantException">There is nothing in the slot.</exception>
    public abstract Grant Open(ManifestGrant grant);

    /// <summary>Opens a file or block device, for reading alone where the grant allows no more.</summary>
    /// <param name="grant">The right.</param>
    /// <param name="options">Options, of which those in <see cref="FileOptions"/> count.</param>
    /// <exception cref="ArgumentException">The grant is no file, or an option's value is not allowed; the message says what is.</exception>
    /// <exception cref="GrantException">There is nothing in the slot.</exception>
    /// <exception cref="IOException">It cannot be used as a block device; the message says why.</exception>
    public abstract BlockDevice OpenFile(ManifestGrant grant, IReadOnlyDictionary<string, string> options);

    /// <summary>Opens a device function, in the DMA space that was granted with it.</summary>
    /// <param name="grant">The right. Its name is the function's address, for messages.</param>
    /// <returns>The function; its space is <see cref="PciFunction.Dma"/>, to be disposed of after it.</returns>
    /// <exception cref="ArgumentException">The grant is no function.</exception>
    /// <exception cref="GrantException">There is nothing in the slot.</exception>
    /// <exception cref="IOException">It cannot be used; the message says why.</exception>
    public abstract PciFunction OpenFunction(ManifestGrant grant);

    /// <summary>Opens a network interface of the host.</summary>
    /// <param name="grant">The right.</param>
    /// <exception cref="ArgumentException">The grant is no network interface.</exception>
    /// <exception cref="GrantException">There is nothing in the slot.</exception>
    /// <exception cref="IOException">It cannot be used; the message says why.</exception>
    public virtual NetPort OpenPort(ManifestGrant grant)
    {
        Require(grant, GrantType.Port);
        throw new IOException($"grant '{grant.Name}': this host has no network interfaces to grant");
    }

    /// <summary>Opens a listener for channels.</summary>
    /// <exception cref="ArgumentException">The grant is no listener.</exception>
    /// <exception cref="GrantException">There is nothing in the slot, or something else.</exception>
    public abstract ChannelListener OpenListener(ManifestGrant grant);

    /// <summary>Checks that a grant is of the type that it is to be used as.</summary>
    /// <exception cref="ArgumentException">It is not.</exception>
    protected static void Require(ManifestGrant grant, GrantType type)
    {
        ArgumentNullException.ThrowIfNull(grant);
        if (grant.Type != type)
        {
            throw new ArgumentException($"grant '{grant.Name}' is a {grant.Type} and is used as a {type}", nameof(grant));
        }
    }
}
