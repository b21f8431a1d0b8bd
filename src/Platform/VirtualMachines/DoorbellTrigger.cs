namespace Makatea.Platform;

/// <summary>The write that rings a doorbell in place of an exit.</summary>
/// <param name="IsPort">An I/O port, else memory.</param>
/// <param name="Address">Port or guest-physical address, exactly.</param>
/// <param name="Width">1, 2, 4 or 8 bytes; 0 for any width, which is the fastest and takes no <paramref name="Value"/>.</param>
/// <param name="Value">The value that has to be written, or null for any.</param>
public readonly record struct DoorbellTrigger(bool IsPort, ulong Address, int Width, ulong? Value = null);
