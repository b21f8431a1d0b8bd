namespace Makatea.Vmm.Boot;

/// <summary>A guest cannot be started as it is described; the message says what was seen and what is allowed. Nothing runs, the qube stays off.</summary>
public sealed class BootException : Exception
{
    /// <summary>Says why.</summary>
    public BootException(string message)
        : base(message)
    {
    }

    /// <summary>Says why, and what it comes from.</summary>
    public BootException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
