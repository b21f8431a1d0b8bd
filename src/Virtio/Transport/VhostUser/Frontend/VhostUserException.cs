namespace Makatea.Virtio;

/// <summary>The back end refused a message, answered it wrongly, or closed the connection. The message says which and how.</summary>
public sealed class VhostUserException(string message, Exception? inner = null) : Exception(message, inner);
