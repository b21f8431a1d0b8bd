namespace Makatea.Sel4;

/// <summary>What the components of the trial share, by number in the manifest.</summary>
internal static class Roles
{
    internal const ulong Judge = 0;
    internal const ulong Victim = 1;
    internal const ulong Attacker = 2;

    /// <summary>The victim's and the judge's: words that count up, each its own number.</summary>
    internal const ulong Treasure = 0;

    /// <summary>The attacker's result, for the judge to read: word 0.</summary>
    internal const ulong Result = 1;

    /// <summary>What the attacker may read: the same result, granted a second time without the right to write.</summary>
    internal const ulong ReadOnly = 2;

    /// <summary>Rung by the judge, heard by the victim.</summary>
    internal const ulong Ask = 0;

    /// <summary>Rung by the victim, heard by the judge.</summary>
    internal const ulong Answer = 1;

    /// <summary>The victim's function.</summary>
    internal const ulong Function = 0;

    /// <summary>Words of the treasure.</summary>
    internal const int Words = 4096 / 8 * 4;

    /// <summary>The deed came back, and should not have.</summary>
    internal const ulong WasDone = 1;

    /// <summary>All that was asked was refused.</summary>
    internal const ulong WasRefused = 2;
}
