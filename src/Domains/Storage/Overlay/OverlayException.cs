namespace Makatea.Domains.Storage;

/// <summary>A storage cannot be used as the overlay that it was to be. The message says what was found and what is needed.</summary>
public sealed class OverlayException(string message) : IOException(message);
