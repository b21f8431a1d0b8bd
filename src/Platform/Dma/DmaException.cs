namespace Makatea.Platform;

/// <summary>Memory cannot be mapped for a device; the message says what was asked for, what is allowed, and what to do.</summary>
public sealed class DmaException(string message, Exception? inner = null) : IOException(message, inner);
