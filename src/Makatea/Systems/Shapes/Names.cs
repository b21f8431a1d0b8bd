namespace Makatea.Systems;

/// <summary>What names look like.</summary>
internal static class Names
{
    /// <summary>Of a system, domain, qube or component (Qubes allows as much).</summary>
    public static readonly TextShape System =
        new("a name of 1 to 31 letters, digits, '-' and '_' that starts with a letter", "^[A-Za-z][A-Za-z0-9_-]{0,30}$");

    /// <summary>Of a disk.</summary>
    public static readonly TextShape Disk =
        new("a name of 1 to 20 letters, digits, '-' and '_' that starts with a letter", "^[A-Za-z][A-Za-z0-9_-]{0,19}$");
}
