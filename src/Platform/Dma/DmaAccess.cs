namespace Makatea.Platform;

/// <summary>What a device may do with memory.</summary>
[Flags]
public enum DmaAccess : byte
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The device reads it.</summary>
    Read = 1,

    /// <summary>The device writes it.</summary>
    Write = 2,

    /// <summary>Both.</summary>
    ReadWrite = Read | Write,
}
