using Makatea.Sel4.Image.Manifests;
using Makatea.Systems;

namespace Makatea.Imaging;

/// <summary>What components share, numbered in the order in which it is asked for; and the connections that it comes and goes with.</summary>
internal sealed class SharedTable
{
    private readonly List<Region> _regions = [];
    private readonly List<string> _doorbells = [];
    private readonly List<Function> _functions = [];
    private readonly Dictionary<string, ulong> _connections = [];

    public SharedTable(IReadOnlyList<ConnectionDescription> connections)
    {
        for (int i = 0; i < connections.Count; i++)
        {
            ulong number = (ulong)i + 1;
            connections[i].Regions.ToList().ForEach(r => _connections[$"region {r.Value}"] = number);
            connections[i].Doorbells.ToList().ForEach(d => _connections[$"doorbell {d.Value}"] = number);
            connections[i].Disks.ToList().ForEach(d => _connections[$"disk {d.Value}"] = number);
        }
    }

    public IReadOnlyList<Region> Regions => _regions;

    public IReadOnlyList<string> Doorbells => _doorbells;

    public IReadOnlyList<Function> Functions => _functions;

    /// <summary>Number of the connection that something is part of, 0 for none.</summary>
    public ulong ConnectionOf(string what, string name) => _connections.GetValueOrDefault($"{what} {name}");

    /// <summary>Adds a region.</summary>
    public ulong AddRegion(string name, ulong length)
    {
        _regions.Add(new(name, length));
        return (ulong)_regions.Count - 1;
    }

    /// <summary>Number of a region of the system file.</summary>
    public ulong FindRegion(string name) => (ulong)_regions.FindIndex(r => r.Name == name);

    /// <summary>Number of a doorbell, new or known.</summary>
    public ulong Doorbell(string name)
    {
        int known = _doorbells.IndexOf(name);
        if (known >= 0)
        {
            return (ulong)known;
        }

        _doorbells.Add(name);
        return (ulong)_doorbells.Count - 1;
    }

    /// <summary>Adds a function.</summary>
    public ulong AddFunction(Function function)
    {
        _functions.Add(function);
        return (ulong)_functions.Count - 1;
    }
}
