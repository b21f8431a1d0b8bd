namespace Makatea.Virtio.Testing;

/// <summary>The device broke a rule of the standard. The message says what was seen and what is allowed.</summary>
public sealed class DeviceMisbehavedException(string message) : Exception(message);
