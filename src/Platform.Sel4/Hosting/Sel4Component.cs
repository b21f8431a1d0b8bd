using System.Globalization;
using System.Text.Json;
using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>This component, as the root task started it: the composition root's way to its host and its grants.</summary>
public sealed class Sel4Component
{
    private const string ManifestSuffix = ".json";

    private readonly KernelGate _gate;
    private readonly ComponentTable _table;

    internal Sel4Component(KernelEntries entries, nint info)
    {
        _table = new ComponentTable(info);
        _gate = new KernelGate(entries, _table);
        WaiterPool waiters = new(_gate, _table);
        Host = new Sel4Host(_gate, _table, waiters);
        Grants = new Sel4Grants(_gate, _table, waiters);
    }

    /// <summary>Its name in the system.</summary>
    public string Name => _table.Name;

    /// <summary>How often it was started: 1 at first.</summary>
    public ulong Generation => _table.Generation;

    /// <summary>Ticks of the time-stamp counter in a microsecond.</summary>
    public ulong TicksPerMicrosecond => _table.TicksPerMicrosecond;

    /// <summary>Makes what it needs.</summary>
    public Sel4Host Host { get; }

    /// <summary>Uses what it was given.</summary>
    public Sel4Grants Grants { get; }

    /// <summary>Collects garbage, and counts the bytes of the component's memory that are in use then, its layer's tables included.</summary>
    public static long CountMemory()
    {
        const string Status = "/proc/self/statm";
        GC.Collect();
        string text = File.ReadAllText(Status);
        return long.Parse(text.AsSpan(0, text.IndexOf(' ', StringComparison.Ordinal)), CultureInfo.InvariantCulture) * Environment.SystemPageSize;
    }

    /// <summary>The component that this program is.</summary>
    /// <exception cref="PlatformNotSupportedException">It is none on seL4.</exception>
    public static Sel4Component Attach() => new(SystemKernel.Open(), (nint)ComponentLayout.Info);

    /// <summary>What it is to do: the file of the archive that has its name.</summary>
    /// <exception cref="GrantException">It has no such file.</exception>
    /// <exception cref="JsonException">It is no manifest.</exception>
    public ComponentManifest ReadManifest()
    {
        using MappedMemory file = Grants.OpenArchiveFile(Name + ManifestSuffix);
        return ComponentManifest.FromJson(file.Slice(0, (int)file.Length).AsSpan());
    }

    /// <summary>Asks the root task to start, stop, restart, suspend or resume a component, or to make or take a connection.</summary>
    /// <param name="request">What.</param>
    /// <param name="number">Number of the component or connection.</param>
    /// <exception cref="IOException">It refuses; the message says why.</exception>
    public void Manage(RootRequest request, ulong number)
    {
        RootReply reply = _gate.Ask(request, number);
        if (!reply.IsDone)
        {
            throw new IOException($"the root task refuses {request} {number}: {reply.Answer}");
        }
    }

    /// <summary>Asks the root task how a component is.</summary>
    /// <exception cref="IOException">It refuses; the message says why.</exception>
    public ComponentStatus Query(ulong number)
    {
        RootReply reply = _gate.Ask(RootRequest.Query, number);
        return reply.IsDone
            ? new ComponentStatus((ComponentState)reply.Word0, reply.Word1, reply.Word2, reply.Word3)
            : throw new IOException($"the root task does not tell of component {number}: {reply.Answer}");
    }
}

/// <summary>How a component is.</summary>
/// <param name="State">What it does.</param>
/// <param name="Starts">How often it was started.</param>
/// <param name="FreeBytes">Memory of the machine that nobody has.</param>
/// <param name="FreeSlots">Empty slots of the root task.</param>
public readonly record struct ComponentStatus(ComponentState State, ulong Starts, ulong FreeBytes, ulong FreeSlots);
