namespace Makatea.Virtio;

/// <summary>
/// A front end broke the protocol. The message says what was seen and what is allowed; the connection has ended and the device was reset.
/// </summary>
public sealed class VhostUserProtocolException : Exception
{
    /// <summary>With what was seen and what is allowed, and what a contract below said.</summary>
    public VhostUserProtocolException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
