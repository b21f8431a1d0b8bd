using Microsoft.Extensions.Logging;

namespace Makatea.Sel4.Programs;

/// <summary>Logs as lines on the console, which says itself whose they are.</summary>
internal sealed class LineLogs : ILoggerFactory, ILogger
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => this;

    /// <inheritdoc/>
    public void AddProvider(ILoggerProvider provider)
    {
    }

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    /// <inheritdoc/>
    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            string text = formatter(state, exception);
            Console.WriteLine(exception is null ? text : $"{text}: {exception.GetType().Name}: {exception.Message}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
