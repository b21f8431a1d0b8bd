using Makatea.Platform;

namespace Makatea.Running;

/// <summary>
/// A device function that a domain drives, and what protects everybody else from it. Its descriptors are of type <see cref="GrantType.Channel"/> for a server of the function, or
/// <see cref="GrantType.Function"/> for the function itself. When it is opened, it is off and reaches nothing of what a component before had mapped.
/// </summary>
internal abstract class DomainFunction : RenewedGrant
{
    /// <summary>What it is, for people to read.</summary>
    public abstract string Noun { get; }

    /// <summary>What keeps it to what its domain was granted, in words.</summary>
    public abstract string Protection { get; }
}
