namespace Makatea.Platform;

/// <summary>An end of a doorbell.</summary>
public enum DoorbellEnd : byte
{
    /// <summary>Rings it.</summary>
    Ring,

    /// <summary>Waits for it.</summary>
    Wait,
}
