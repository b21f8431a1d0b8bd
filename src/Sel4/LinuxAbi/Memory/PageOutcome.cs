namespace Makatea.Sel4.LinuxAbi;

/// <summary>What became of touching an address.</summary>
internal enum PageOutcome
{
    /// <summary>It is there.</summary>
    There,

    /// <summary>Nothing is mapped there, or not so.</summary>
    Denied,

    /// <summary>It may be touched, but there is no page left.</summary>
    NoMemory,
}
