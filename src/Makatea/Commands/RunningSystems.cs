using Makatea.Cli;
using Makatea.Running;

namespace Makatea.Commands;

/// <summary>Finds the running system that a command is about.</summary>
internal static class RunningSystems
{
    /// <summary>All that run.</summary>
    public static async Task<IReadOnlyList<(SystemStatus Status, string ControlSocket)>> AllAsync()
    {
        var running = new List<(SystemStatus, string)>();
        foreach ((_, string socket) in StateDirectory.All())
        {
            if (await ControlClient.StatusAsync(socket).ConfigureAwait(false) is { } status)
            {
                running.Add((status, socket));
            }
        }

        return running;
    }

    /// <summary>The one of a name, or the only one.</summary>
    /// <exception cref="CommandException">There is none, or there are several.</exception>
    public static async Task<(SystemStatus Status, string ControlSocket)> OneAsync(string? name)
    {
        IReadOnlyList<(SystemStatus Status, string ControlSocket)> all = await AllAsync().ConfigureAwait(false);
        string[] names = [.. all.Select(s => s.Status.Name)];
        return name is null
            ? all.Count switch
            {
                0 => throw new CommandException("no system runs; start one with 'makatea up SYSTEM.yaml'"),
                1 => all[0],
                _ => throw new CommandException($"{all.Count} systems run; name one of {string.Join(", ", names)}", ExitCode.Usage),
            }
            : all.FirstOrDefault(s => s.Status.Name == name) is { Status: not null } found
            ? found
            : throw new CommandException($"no system '{name}' runs{(names.Length == 0 ? "" : $"; running: {string.Join(", ", names)}")}{NearestName.Hint(name, names)}");
    }
}
