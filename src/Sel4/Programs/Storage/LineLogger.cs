using Makatea.Platform;
using Makatea.Platform.Sel4;

namespace Makatea.Sel4.Programs;

/// <summary>Logs as lines on the console, which says itself whose they are.</summary>
internal sealed class LineLogger : ComponentLogger
{
    /// <inheritdoc/>
    protected override void Write(LogSeverity severity, int id, Exception? exception, string text, ReadOnlySpan<object?> values)
    {
        string line = Format(text, values);
        ComponentConsole.WriteLine(exception is null ? line : $"{line}: {exception.GetType().Name}: {exception.Message}");
    }
}
