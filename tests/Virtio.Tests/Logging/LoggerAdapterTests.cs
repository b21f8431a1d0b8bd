using Makatea.Platform;
using Microsoft.Extensions.Logging;

namespace Makatea.Virtio.Tests.Logging;

public sealed class LoggerAdapterTests
{
    [Fact]
    public void A_logger_gets_number_level_text_named_values_and_exception()
    {
        var logger = new Recorder();
        var reason = new IOException("no");
        ComponentLogger adapter = new LoggerAdapter(logger);
        adapter.Log(LogSeverity.Warning, 7, "{Device}: features 0x{Features:x}", "disk", 255ul);
        adapter.Log(LogSeverity.Error, 8, reason, "{Device}: gone", "disk");
        Assert.Equal(
            [
                "Warning 7 'disk: features 0xff' Device=disk Features=255 {OriginalFormat}={Device}: features 0x{Features:x}",
                "Error 8 'disk: gone' Device=disk {OriginalFormat}={Device}: gone: no",
            ],
            logger.Lines);
    }

    [Fact]
    public void What_a_logger_does_not_want_is_not_given_to_it()
    {
        var logger = new Recorder { Least = LogLevel.Error };
        ComponentLogger adapter = new LoggerAdapter(logger);
        adapter.Log(LogSeverity.Warning, 1, "a");
        adapter.Log(LogSeverity.Critical, 2, "b");
        Assert.Equal(["Critical 2 'b' {OriginalFormat}=b"], logger.Lines);
    }

    private sealed class Recorder : ILogger
    {
        public List<string> Lines { get; } = [];

        public LogLevel Least { get; init; }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= Least;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var values = (IReadOnlyList<KeyValuePair<string, object?>>)state!;
            Lines.Add($"{logLevel} {eventId.Id} '{formatter(state, exception)}' {string.Join(' ', values.Select(v => $"{v.Key}={v.Value}"))}{(exception is null ? "" : $": {exception.Message}")}");
        }
    }
}
