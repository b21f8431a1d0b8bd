namespace Makatea.NetStack;

/// <summary>
/// Names of hosts that firewall rules are for. The DNS forwarder tells it what it learns, from its own questions and from answers that it passes to qubes, and asks what it should
/// find out. On the forwarding thread.
/// </summary>
public interface IHostNames
{
    /// <summary>A rule is for the name: answers for it are to be <see cref="Learn">told</see>.</summary>
    /// <param name="name">In lower case, without the dot at its end.</param>
    bool IsWanted(ReadOnlySpan<char> name);

    /// <summary>A name has an address. Aliases were followed: it is the name that was asked for, not the canonical one.</summary>
    /// <param name="name">In lower case, without the dot at its end; one that is not wanted is ignored.</param>
    /// <param name="address">The address.</param>
    /// <param name="lifetime">Time to live in milliseconds, the least of the chain of aliases.</param>
    /// <param name="now">The time.</param>
    void Learn(ReadOnlySpan<char> name, IpAddress address, long lifetime, long now);

    /// <summary>Takes the next name whose addresses are to be asked for, A and AAAA. It comes again when its addresses are about to expire, or soon where nothing was learnt.</summary>
    /// <param name="now">The time.</param>
    /// <param name="name">The name.</param>
    /// <param name="next">When to call again where there is none now.</param>
    bool TryTakeDue(long now, out string name, out long next);
}
