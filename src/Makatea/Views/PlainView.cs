using System.Globalization;
using Makatea.Running;

namespace Makatea.Views;

/// <summary>A line for each event: for logs, pipes and terminals that cannot do more.</summary>
internal sealed class PlainView(TextWriter output) : IRunView
{
    /// <summary>What a line says.</summary>
    public static string Format(RunEvent e) =>
        $"{e.At.ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {(e.Part.Length == 0 ? "" : $"{e.Part}: ")}{e.Text}";

    /// <inheritdoc/>
    public async Task ShowAsync(Func<SystemStatus> status, RunEvents events, Task run)
    {
        TextWriter writer = TextWriter.Synchronized(output);
        events.Added += e =>
        {
            try
            {
                writer.WriteLine(Format(e));
            }
            catch (IOException)
            {
                // Nobody reads any more. The system goes on.
            }
        };
        await run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
