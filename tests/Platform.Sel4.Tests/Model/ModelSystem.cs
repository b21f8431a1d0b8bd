using Makatea.Sel4;

namespace Makatea.Platform.Sel4.Tests;

/// <summary>What components share in a model of the kernel and the root task: regions, doorbells, a function.</summary>
internal sealed class ModelSystem : IDisposable
{
    private readonly Dictionary<string, (ulong Number, NativeArray<byte> Memory)> _regions = [];
    private readonly Dictionary<string, ModelDoorbell> _doorbells = [];

    /// <summary>Registers of the one function.</summary>
    internal ModelFunction Function { get; } = new();

    internal void AddRegion(string name, int length) => _regions.Add(name, ((ulong)_regions.Count, new NativeArray<byte>(length)));

    internal void AddDoorbell(string name) => _doorbells.Add(name, new ModelDoorbell((ulong)_doorbells.Count));

    /// <summary>The channel that the image builder makes for a disk, with one queue.</summary>
    internal void AddDisk(string name, int memory)
    {
        AddRegion(name, 64 << 10);
        AddRegion(name + ".memory", memory);
        AddRegion(name + ".inflight", 64 << 10);
        foreach (string doorbell in (string[])["request", "reply", "kick0", "call0", "error0"])
        {
            AddDoorbell($"{name}.{doorbell}");
        }
    }

    internal ModelDoorbell Doorbell(string name) => _doorbells[name];

    internal Span<byte> Region(string name) => _regions[name].Memory.AsSpan();

    internal GrantInfo Region(string name, bool writable) => new()
    {
        Kind = GrantKind.Region,
        Number = _regions[name].Number,
        Address = (ulong)_regions[name].Memory.AsSegment().Address,
        Length = (ulong)_regions[name].Memory.Length,
        Value = writable ? 1ul : 0,
        State = 1,
    };

    /// <summary>The grants of the end of a disk's channel that connects, or that serves it.</summary>
    internal Dictionary<string, GrantInfo> Disk(string name, bool serves)
    {
        Dictionary<string, GrantInfo> grants = new()
        {
            [name] = Region(name, true),
            [name + ".memory"] = Region(name + ".memory", true),
            [name + ".inflight"] = Region(name + ".inflight", true),
        };
        foreach ((string doorbell, bool servedHears) in (ReadOnlySpan<(string, bool)>)[("request", true), ("kick0", true), ("reply", false), ("call0", false), ("error0", false)])
        {
            grants.Add($"{name}.{doorbell}", new GrantInfo { Kind = serves == servedHears ? GrantKind.Hear : GrantKind.Ring, Number = _doorbells[$"{name}.{doorbell}"].Number, State = 1 });
        }

        return grants;
    }

    internal ModelDoorbell? Doorbell(ulong number) => _doorbells.Values.FirstOrDefault(d => d.Number == number);

    public void Dispose()
    {
        foreach ((_, NativeArray<byte> memory) in _regions.Values)
        {
            memory.Dispose();
        }

        Function.Dispose();
    }
}

/// <summary>A doorbell: where its rings go.</summary>
internal sealed class ModelDoorbell(ulong number)
{
    private readonly Lock _lock = new();
    private ModelNotification? _listener;
    private ulong _badge;

    internal ulong Number => number;

    internal void Listen(ModelNotification? listener, ulong badge)
    {
        lock (_lock)
        {
            _listener = listener;
            _badge = badge;
        }
    }

    internal void Ring()
    {
        lock (_lock)
        {
            _listener?.Signal(_badge);
        }
    }
}
