namespace Makatea.Drivers.Nvme;

/// <summary>A controller or namespace cannot be used, or stopped working. The message says what was seen and what is allowed.</summary>
public sealed class NvmeException : IOException
{
    /// <summary>Makes the exception.</summary>
    /// <param name="fault">What went wrong.</param>
    /// <param name="message">What was seen, what is allowed, what happens next.</param>
    /// <param name="inner">What caused it.</param>
    public NvmeException(NvmeFault fault, string message, Exception? inner = null)
        : base(message, inner) => Fault = fault;

    internal NvmeException(string command, NvmeStatus status)
        : this(NvmeFault.CommandFailed, $"the controller refused {command}: {status}") => Status = status;

    /// <summary>What went wrong.</summary>
    public NvmeFault Fault { get; }

    /// <summary>How the controller ended the command, with <see cref="NvmeFault.CommandFailed"/>.</summary>
    public NvmeStatus Status { get; }
}
