namespace Makatea.Vmm.Linux.Monitor;

/// <summary>A command cannot be done. The client gets the message, and its conversation goes on.</summary>
/// <param name="message">What was seen, what is possible.</param>
/// <param name="errorClass">QMP's class of the error, for clients that tell errors apart.</param>
internal sealed class MonitorException(string message, string errorClass = MonitorException.Generic) : Exception(message)
{
    /// <summary>The class of nearly all errors.</summary>
    public const string Generic = "GenericError";

    /// <summary>There is no such command, or not now.</summary>
    public const string CommandNotFound = "CommandNotFound";

    /// <summary>There is no such device.</summary>
    public const string DeviceNotFound = "DeviceNotFound";

    /// <summary>QMP's class of the error.</summary>
    public string ErrorClass { get; } = errorClass;
}
