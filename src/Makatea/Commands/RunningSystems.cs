using System.CommandLine;
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

    /// <summary>A qube.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="system">Name of the system, or null for the only one that has such a qube.</param>
    /// <exception cref="CommandException">There is none, or there are several.</exception>
    public static async Task<(QubeStatus Qube, string ControlSocket)> QubeAsync(string name, string? system)
    {
        IReadOnlyList<(SystemStatus Status, string ControlSocket)> systems = system is null ? await AllAsync().ConfigureAwait(false) : [await OneAsync(system).ConfigureAwait(false)];
        (QubeStatus Qube, string ControlSocket)[] qubes = [.. systems.SelectMany(s => s.Status.Qubes.Select(q => (q, s.ControlSocket)))];
        (QubeStatus Qube, string ControlSocket)[] found = [.. qubes.Where(q => q.Qube.Name == name)];
        string[] names = [.. qubes.Select(q => q.Qube.Name)];
        return found.Length switch
        {
            1 => found[0],
            > 1 => throw new CommandException($"{found.Length} systems have a qube '{name}'; choose one with --system", ExitCode.Usage),
            _ => throw new CommandException(names.Length == 0
                ? "no system runs; start one with 'makatea up SYSTEM.yaml'"
                : $"no system that runs has a qube '{name}'; there are {string.Join(", ", names)}{NearestName.Hint(name, names)}"),
        };
    }

    /// <summary>The option that names a system where a qube or another client is named.</summary>
    public static Option<string?> SystemOption() => new("--system") { Description = "Name of the system; by default the only one that has such a qube.", HelpName = "NAME" };

    /// <summary>The port of a qube, or of another client of a net domain.</summary>
    /// <param name="client">Name of the client.</param>
    /// <param name="system">Name of the system, or null for the only one that has such a client.</param>
    /// <exception cref="CommandException">There is none, or there are several.</exception>
    public static async Task<(PortStatus Port, string ControlSocket)> PortAsync(string client, string? system)
    {
        IReadOnlyList<(SystemStatus Status, string ControlSocket)> systems = system is null ? await AllAsync().ConfigureAwait(false) : [await OneAsync(system).ConfigureAwait(false)];
        (PortStatus Port, string ControlSocket)[] ports =
            [.. systems.SelectMany(s => s.Status.Qubes.Select(q => q.Net).Concat(s.Status.Domains.Select(d => d.Net)).OfType<PortStatus>().Select(p => (p, s.ControlSocket)))];
        (PortStatus Port, string ControlSocket)[] found = [.. ports.Where(p => p.Port.Client == client)];
        if (found.Length > 1)
        {
            throw new CommandException($"{found.Length} systems have a qube '{client}' with a network; choose one with --system", ExitCode.Usage);
        }

        string[] names = [.. ports.Select(p => p.Port.Client)];
        return found.Length == 1 ? found[0]
            : systems.Count == 0 ? throw new CommandException("no system runs; start one with 'makatea up SYSTEM.yaml'")
            : systems.Any(s => s.Status.Qubes.Any(q => q.Name == client)) ? throw new CommandException($"qube '{client}' has no network; its entry in the system file names no 'netvm:'")
            : throw new CommandException($"no qube '{client}' with a network runs; there {(names.Length == 0 ? "is none" : $"are {string.Join(", ", names)}")}{NearestName.Hint(client, names)}");
    }
}
