using Makatea.Platform;
using Microsoft.Extensions.Logging;

namespace Makatea.Virtio;

/// <summary>Gives what components tell to a logger of Microsoft.Extensions.Logging: numbers, texts and named values as they are.</summary>
public sealed class LoggerAdapter(ILogger logger) : ComponentLogger
{
    /// <inheritdoc/>
    protected override void Write(LogSeverity severity, int id, Exception? exception, string text, ReadOnlySpan<object?> values)
    {
        var level = (LogLevel)severity;
        if (logger.IsEnabled(level))
        {
#pragma warning disable CA2254 // It is constant where it comes from.
            logger.Log(level, id, exception, text, values.ToArray());
#pragma warning restore CA2254
        }
    }
}
