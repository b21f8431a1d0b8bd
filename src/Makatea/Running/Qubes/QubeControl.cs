using Makatea.Cli;

namespace Makatea.Running;

/// <summary>What commands have qubes do while their system runs.</summary>
/// <param name="qubes">The qubes.</param>
/// <param name="start">Starts one.</param>
/// <param name="stopTime">How long a guest gets to power down, unless the command says.</param>
/// <param name="statusOf">How one is, with its disks and its network.</param>
internal sealed class QubeControl(IReadOnlyList<QubeRunner> qubes, Func<QubeRunner, string?, Task> start, TimeSpan stopTime, Func<string, QubeStatus> statusOf)
{
    private volatile bool _isClosed;

    /// <summary>Starts nothing more: the system ends.</summary>
    public void Close() => _isClosed = true;

    /// <summary>Starts a qube that does not run.</summary>
    /// <param name="name">The qube.</param>
    /// <param name="restore">Path of a snapshot to go on from, or null to boot.</param>
    /// <exception cref="CommandException">It runs, or did not start.</exception>
    public async Task StartAsync(string name, string? restore = null)
    {
        QubeRunner qube = Find(name);
        if (qube.Status.State is not (PartState.Stopped or PartState.Failed))
        {
            throw new CommandException(qube.Status.State == PartState.Paused
                ? $"qube '{name}' is paused; 'makatea qube resume {name}' lets it go on"
                : $"qube '{name}' is {StateOf(qube)} already; 'makatea qube info {name}' shows how it is");
        }

        if (_isClosed)
        {
            throw new CommandException("the system is stopping; start it again with 'makatea up'");
        }

        await start(qube, restore).ConfigureAwait(false);
    }

    /// <summary>Powers a qube down, and pulls its plug where it does not hear that in time.</summary>
    /// <param name="name">The qube.</param>
    /// <param name="patience">How long to wait for the guest; null for the system's own time.</param>
    /// <exception cref="CommandException">It does not run.</exception>
    public Task StopAsync(string name, TimeSpan? patience) => Running(name).StopAsync(patience ?? stopTime, CancellationToken.None, keep: true);

    /// <summary>Pulls a qube's plug.</summary>
    /// <exception cref="CommandException">It does not run.</exception>
    public Task KillAsync(string name) => Running(name).StopAsync(TimeSpan.Zero, new CancellationToken(canceled: true), keep: true);

    /// <summary>Stands a qube still, or lets it go on.</summary>
    /// <exception cref="CommandException">It does not run, or its VMM refused.</exception>
    public Task SetPausedAsync(string name, bool isPaused) => AskAsync(name, qube => qube.SetPausedAsync(isPaused));

    /// <summary>Writes all of a qube but its disks into a file.</summary>
    /// <exception cref="CommandException">It does not run, or its VMM refused.</exception>
    public Task SnapshotAsync(string name, string file) => AskAsync(name, qube => qube.SnapshotAsync(file));

    /// <summary>How a qube is.</summary>
    /// <exception cref="CommandException">There is no such qube, or its VMM refused.</exception>
    public async Task<QubeReport> InfoAsync(string name)
    {
        QubeRunner qube = Find(name);
        try
        {
            return new(statusOf(name), await qube.InfoAsync().ConfigureAwait(false));
        }
        catch (IOException e)
        {
            throw Refused(name, e);
        }
    }

    private async Task AskAsync(string name, Func<QubeRunner, Task> ask)
    {
        try
        {
            await ask(Running(name)).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw Refused(name, e);
        }
    }

    private static CommandException Refused(string name, IOException e) => new($"qube '{name}': {e.Message}; 'makatea ls' shows how it is", inner: e);

    private static string StateOf(QubeRunner qube) => qube.Status.State.ToString().ToLowerInvariant();

    private QubeRunner Running(string name)
    {
        QubeRunner qube = Find(name);
        return qube.Status.State is PartState.Running or PartState.Paused or PartState.Starting or PartState.Stopping
            ? qube
            : throw new CommandException($"qube '{name}' is {StateOf(qube)}; 'makatea qube start {name}' starts it");
    }

    private QubeRunner Find(string name) => qubes.FirstOrDefault(q => q.Qube.Name.Value == name)
        ?? throw new CommandException($"the system has no qube '{name}'; there are {string.Join(", ", qubes.Select(q => q.Qube.Name.Value))}{NearestName.Hint(name, [.. qubes.Select(q => q.Qube.Name.Value)])}");
}
