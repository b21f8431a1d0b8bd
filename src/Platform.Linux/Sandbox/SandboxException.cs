namespace Makatea.Platform.Linux;

/// <summary>A sandboxed process could not be started. Nothing of it is left running.</summary>
public sealed class SandboxException : Exception
{
    /// <summary>With a message that says which step failed, what the kernel answered and what can be done.</summary>
    public SandboxException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
