namespace Makatea.Domains.Storage;

/// <summary>A disk has no partition table that can be trusted, or no such partition. The message says what was found and what is allowed.</summary>
public sealed class GptException(string message) : IOException(message);
