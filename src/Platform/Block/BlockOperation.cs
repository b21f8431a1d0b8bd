namespace Makatea.Platform;

/// <summary>What a block request asks for.</summary>
public enum BlockOperation : byte
{
    /// <summary>Fills the scatter list from the device.</summary>
    Read,

    /// <summary>Writes the scatter list to the device.</summary>
    Write,

    /// <summary>Makes every write that completed before it durable. Has no sectors and no data.</summary>
    Flush,

    /// <summary>The contents of the sectors are no longer needed; reading them gives anything until written.</summary>
    Discard,

    /// <summary>The sectors read as zeroes afterwards, and stay allocated.</summary>
    WriteZeroes,

    /// <summary>The sectors read as zeroes afterwards, and may be deallocated.</summary>
    WriteZeroesUnmap,

    /// <summary>The contents of the sectors, and every copy of them, become unreadable.</summary>
    SecureErase,
}
