namespace Makatea.Platform.Linux;

/// <summary>How a process ended: one of the two is set, or neither when its parent's other code took the status first.</summary>
/// <param name="Code">What it passed to <c>exit</c>, 0 to 255.</param>
/// <param name="Signal">The signal that ended it.</param>
public readonly record struct ProcessExit(int? Code, int? Signal)
{
    /// <inheritdoc/>
    public override string ToString() => (Code, Signal) switch
    {
        ({ } code, _) => $"exit code {code}",
        (_, { } signal) => $"signal {signal}",
        _ => "ended, status unknown",
    };
}
