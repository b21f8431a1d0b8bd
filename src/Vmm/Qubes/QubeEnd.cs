namespace Makatea.Vmm;

/// <summary>How a qube ended.</summary>
public enum QubeEndKind
{
    /// <summary>It powered itself off.</summary>
    PoweredOff,

    /// <summary>It asked for a reset; whoever runs it starts it anew.</summary>
    Reset,

    /// <summary>It was stopped from outside.</summary>
    Killed,

    /// <summary>It cannot go on.</summary>
    Failed,
}

/// <summary>How and why a qube ended.</summary>
/// <param name="Kind">How.</param>
/// <param name="Reason">Why, where it failed.</param>
public sealed record QubeEnd(QubeEndKind Kind, string? Reason = null);
