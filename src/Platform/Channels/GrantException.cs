namespace Makatea.Platform;

/// <summary>A grant was used for what it is not good for. The message says what was found and what is needed.</summary>
public sealed class GrantException : Exception
{
    /// <summary>With a message and what the host said.</summary>
    public GrantException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
