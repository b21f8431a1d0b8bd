namespace Makatea.Platform;

/// <summary>MSRs that a guest uses without an exit.</summary>
/// <param name="First">The first one's number.</param>
/// <param name="Count">How many, not 0.</param>
/// <param name="Access">What is allowed; the rest exits.</param>
public readonly record struct MsrPermission(uint First, uint Count, MemoryAccess Access);
