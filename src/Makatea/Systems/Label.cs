namespace Makatea.Systems;

/// <summary>Qubes' eight labels: how far the user trusts a qube, shown as a colour wherever it shows.</summary>
internal enum Label
{
    /// <summary>Least trusted.</summary>
    Red,

    /// <summary>Orange.</summary>
    Orange,

    /// <summary>Yellow.</summary>
    Yellow,

    /// <summary>Green.</summary>
    Green,

    /// <summary>Gray.</summary>
    Gray,

    /// <summary>Blue.</summary>
    Blue,

    /// <summary>Purple.</summary>
    Purple,

    /// <summary>Most trusted.</summary>
    Black,
}
