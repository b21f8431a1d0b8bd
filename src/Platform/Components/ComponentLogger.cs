using System.Globalization;
using System.Text;

namespace Makatea.Platform;

/// <summary>
/// Where a component tells what happens. An event has a number, a text with places in braces, and a value for each place, as those of Microsoft.Extensions.Logging, whose loggers <c>LoggerAdapter</c> makes
/// one of these of. Libraries of images use this one, as it has no generic virtual method: a call of one brings the runtime's type loader into an image (docs/SEL4.md).
/// </summary>
public abstract class ComponentLogger
{
    /// <summary>Tells nobody.</summary>
    public static ComponentLogger None { get; } = new Nobody();

    /// <summary>Tells of an event. From any thread.</summary>
    /// <param name="severity">How much it matters.</param>
    /// <param name="id">Its number, which is its kind's for ever.</param>
    /// <param name="text">What happened: constant, with places such as <c>{Device}</c> or <c>{Features:x}</c>, and no other braces.</param>
    /// <param name="values">The values of the places, in their order.</param>
    public void Log(LogSeverity severity, int id, string text, params ReadOnlySpan<object?> values) => Write(severity, id, null, text, values);

    /// <summary>Tells of an event that an exception is the reason of. From any thread.</summary>
    /// <param name="severity">How much it matters.</param>
    /// <param name="id">Its number, which is its kind's for ever.</param>
    /// <param name="exception">The exception.</param>
    /// <param name="text">What happened: constant, with places such as <c>{Device}</c> or <c>{Features:x}</c>, and no other braces.</param>
    /// <param name="values">The values of the places, in their order.</param>
    public void Log(LogSeverity severity, int id, Exception exception, string text, params ReadOnlySpan<object?> values) => Write(severity, id, exception, text, values);

    /// <summary>The text of an event with its values in their places, in the invariant culture.</summary>
    public static string Format(string text, params ReadOnlySpan<object?> values)
    {
        var result = new StringBuilder();
        ReadOnlySpan<char> rest = text;
        foreach (object? value in values)
        {
            int start = rest.IndexOf('{');
            int end = rest.IndexOf('}');
            if (start < 0 || end < start)
            {
                break;
            }

            ReadOnlySpan<char> place = rest[start..end];
            int format = place.IndexOf(':');
            _ = result.Append(rest[..start]).Append(value switch
            {
                null => "(null)",
                IFormattable formattable => formattable.ToString(format < 0 ? null : place[(format + 1)..].ToString(), CultureInfo.InvariantCulture),
                _ => value.ToString(),
            });
            rest = rest[(end + 1)..];
        }

        return result.Append(rest).ToString();
    }

    /// <summary>Tells of an event.</summary>
    protected abstract void Write(LogSeverity severity, int id, Exception? exception, string text, ReadOnlySpan<object?> values);

    private sealed class Nobody : ComponentLogger
    {
        protected override void Write(LogSeverity severity, int id, Exception? exception, string text, ReadOnlySpan<object?> values)
        {
        }
    }
}
