namespace Makatea.Platform;

/// <summary>How much an event matters; the numbers are those of Microsoft.Extensions.Logging's <c>LogLevel</c>.</summary>
public enum LogSeverity
{
    /// <summary>As it ought to be.</summary>
    Information = 2,

    /// <summary>Somebody ought to look at it; service goes on.</summary>
    Warning = 3,

    /// <summary>Something was not done.</summary>
    Error = 4,

    /// <summary>Something is lost until somebody acts.</summary>
    Critical = 5,
}
