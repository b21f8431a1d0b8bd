namespace Makatea.Drivers.E1000;

/// <summary>The adapter cannot be used; the message says what was seen, what was expected and what to do.</summary>
public sealed class E1000Exception(string message, Exception? inner = null) : IOException(message, inner);
