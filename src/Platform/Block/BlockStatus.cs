namespace Makatea.Platform;

/// <summary>How a block request ended.</summary>
public enum BlockStatus : byte
{
    /// <summary>Done, whole.</summary>
    Ok,

    /// <summary>Failed; what of it happened is not known.</summary>
    IoError,

    /// <summary>The device does not do that; nothing happened.</summary>
    Unsupported,
}
