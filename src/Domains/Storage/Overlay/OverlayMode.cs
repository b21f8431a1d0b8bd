namespace Makatea.Domains.Storage;

/// <summary>How long what was written to an overlay lasts.</summary>
public enum OverlayMode
{
    /// <summary>
    /// Until the overlay's map is gone, which the storage does not hold: a qube's root that is thrown away at shutdown. Flushes have nothing to do.
    /// </summary>
    Volatile,

    /// <summary>For good. What was flushed is there after a power loss.</summary>
    Kept,
}
