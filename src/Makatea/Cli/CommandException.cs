namespace Makatea.Cli;

/// <summary>
/// A command failed in a way that its user can do something about. The message is one line: what was seen, what is allowed, what to do next.
/// </summary>
internal sealed class CommandException(string message, int exitCode = ExitCode.Failure, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Exit status of the command.</summary>
    public int ExitCode { get; } = exitCode;
}
