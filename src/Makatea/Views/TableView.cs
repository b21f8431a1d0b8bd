using Makatea.Running;
using Spectre.Console;

namespace Makatea.Views;

/// <summary>A table that follows the system, and the last events below it.</summary>
internal sealed class TableView(IAnsiConsole console) : IRunView
{
    private const int ShownEvents = 8;
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(500);
    private readonly Queue<RunEvent> _events = new();
    private readonly DiskRates _rates = new(TimeProvider.System);

    /// <inheritdoc/>
    public async Task ShowAsync(Func<SystemStatus> status, RunEvents events, Task run)
    {
        events.Added += e =>
        {
            lock (_events)
            {
                _events.Enqueue(e);
                if (_events.Count > ShownEvents)
                {
                    _events.Dequeue();
                }
            }
        };
        await console.Live(Render(status())).Overflow(VerticalOverflow.Ellipsis).StartAsync(async context =>
        {
            while (!run.IsCompleted)
            {
                context.UpdateTarget(Render(status()));
                await Task.WhenAny(run, Task.Delay(_interval)).ConfigureAwait(false);
            }

            context.UpdateTarget(Render(status()));
        }).ConfigureAwait(false);
    }

    private Rows Render(SystemStatus status)
    {
        RunEvent[] events;
        lock (_events)
        {
            events = [.. _events];
        }

        return new Rows([
            StatusTable.Render(status, _rates.Update(status)),
            .. events.Select(e => new Text(PlainView.Format(e), new Style(Color.Grey)).Ellipsis()),
            new Text("Ctrl-C stops the system, twice at once.", new Style(Color.Grey)),
        ]);
    }
}
