using System.Text.Json.Serialization;
using Makatea.Domains.Manager;
using Makatea.Domains.Storage;
using Makatea.Systems;

namespace Makatea.Running;

/// <summary>How a part of a system is.</summary>
internal enum PartState
{
    /// <summary>Not started yet.</summary>
    Waiting,

    /// <summary>Started, and not at work yet.</summary>
    Starting,

    /// <summary>At work.</summary>
    Running,

    /// <summary>Stands still until it may go on.</summary>
    Paused,

    /// <summary>It died and is started again.</summary>
    Restarting,

    /// <summary>Asked to end.</summary>
    Stopping,

    /// <summary>Ended as it should.</summary>
    Stopped,

    /// <summary>Ended as it should not.</summary>
    Failed,
}

/// <summary>A running system at one moment, as <c>makatea ls --json</c> prints it.</summary>
internal sealed record SystemStatus(
    string Name, string File, int ManagerPid, DateTimeOffset StartedAt, string Accelerator, IReadOnlyList<DomainStatus> Domains, IReadOnlyList<QubeStatus> Qubes)
{
    /// <summary>Its start is done: all domains serve, and all qubes ran.</summary>
    public bool IsUp { get; init; }
}

/// <summary>A domain.</summary>
internal sealed record DomainStatus(
    string Name, string Kind, PartState State, string? Reason, int? Pid, int Restarts, string Log,
    IReadOnlyList<string> Sandbox, IReadOnlyList<string> SandboxMissing, IReadOnlyList<string> Notices, IReadOnlyList<MetricSample> Metrics)
{
    /// <summary>The controllers that it drives.</summary>
    public IReadOnlyList<ControllerStatus> Controllers { get; init; } = [];

    /// <summary>The uplink of a net domain; null of other domains.</summary>
    public UplinkStatus? Uplink { get; init; }

    /// <summary>The port of a net domain whose uplink is another net domain; null of other domains.</summary>
    public PortStatus? Net { get; init; }
}

/// <summary>The uplink of a net domain.</summary>
/// <param name="Through">What it is, such as <c>tap mk0</c> or <c>netvm net</c>.</param>
/// <param name="Link">It is up; null where the domain did not tell yet.</param>
/// <param name="Counters">What passed, received being what came from outside.</param>
internal sealed record UplinkStatus(string Through, bool? Link, PortCounters Counters);

/// <summary>A client's port at its net domain: a qube's, or another net domain's.</summary>
/// <param name="Client">Name of the client.</param>
/// <param name="Domain">The net domain.</param>
/// <param name="Ip">IPv4 address.</param>
/// <param name="Ip6">IPv6 address.</param>
/// <param name="Mac">Ethernet address.</param>
/// <param name="Attached">Its link is up as far as the manager is concerned.</param>
/// <param name="Rules">Its firewall; null where none was given, which is one rule that accepts everything.</param>
/// <param name="Counters">What its domain counted since the system was started, over all restarts.</param>
internal sealed record PortStatus(string Client, string Domain, string Ip, string Ip6, string Mac, bool Attached, IReadOnlyList<string>? Rules, PortCounters Counters);

/// <summary>A controller of a domain.</summary>
/// <param name="Name">Its PCI address, or <c>nvme</c> or <c>uplink</c> for a device model.</param>
/// <param name="Protection">What keeps it to what the domain was granted.</param>
/// <param name="Model">Its model number; null until the component told.</param>
/// <param name="Resets">How often the component had to reset it since it was started.</param>
internal sealed record ControllerStatus(string Name, string Protection, string? Model, long Resets)
{
    /// <summary>What it is.</summary>
    public string Kind { get; init; } = ControllerKind.Nvme.Noun;

    /// <summary>One of which a domain measured something, or nothing yet.</summary>
    public static ControllerStatus Of(string name, string protection, IEnumerable<MetricSample> samples)
    {
        MetricSample? resets = samples.FirstOrDefault(s => s.Name == ControllerMetrics.Resets && s.Tags.GetValueOrDefault(ControllerMetrics.Controller) == name);
        return new(name, protection, resets?.Tags.GetValueOrDefault(ControllerMetrics.Model), (long)(resets?.Value ?? 0));
    }
}

/// <summary>A qube.</summary>
internal sealed record QubeStatus(
    string Name, Label Label, PartState State, string? Reason, int? Pid,
    ulong MemoryBytes, int Cores, string Console, string ConsoleLog, string Log, IReadOnlyList<DiskStatus> Disks)
{
    /// <summary>What it runs in, or ran in last; null before it was started.</summary>
    public VmmKind? Vmm { get; init; }

    /// <summary>Its way to the network; null where it has none.</summary>
    public PortStatus? Net { get; init; }
}

/// <summary>A disk of a qube, with what its domain counted since the system was started, over all queues and restarts.</summary>
internal sealed record DiskStatus(string Name, string Domain, string Source, string? Overlay, bool ReadOnly, DiskCounters Counters);

/// <summary>Sums of a disk.</summary>
internal sealed record DiskCounters(long Reads, long ReadBytes, long Writes, long WrittenBytes, long Flushes, long Errors)
{
    /// <summary>Of a disk that was not used.</summary>
    public static readonly DiskCounters Zero = new(0, 0, 0, 0, 0, 0);

    /// <summary>Both together.</summary>
    public static DiskCounters operator +(DiskCounters a, DiskCounters b) => new(
        a.Reads + b.Reads, a.ReadBytes + b.ReadBytes, a.Writes + b.Writes, a.WrittenBytes + b.WrittenBytes, a.Flushes + b.Flushes, a.Errors + b.Errors);

    /// <summary>The sums of one device.</summary>
    public static DiskCounters Of(IEnumerable<MetricSample> samples, string device)
    {
        var sums = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (MetricSample sample in samples.Where(s => s.Tags.TryGetValue("device", out string? name) && name == device))
        {
            sums[sample.Name] = sums.GetValueOrDefault(sample.Name) + (long)sample.Value;
        }

        return new(Get("reads"), Get("read_bytes"), Get("writes"), Get("written_bytes"), Get("flushes"), Get("errors"));

        long Get(string name) => sums.GetValueOrDefault(name);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, Converters = [typeof(CamelCaseEnum<PartState>), typeof(CamelCaseEnum<Label>), typeof(CamelCaseEnum<VmmKind>)])]
[JsonSerializable(typeof(SystemStatus))]
internal sealed partial class StatusJson : JsonSerializerContext;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, Converters = [typeof(CamelCaseEnum<PartState>), typeof(CamelCaseEnum<Label>), typeof(CamelCaseEnum<VmmKind>)])]
[JsonSerializable(typeof(IReadOnlyList<SystemStatus>))]
internal sealed partial class IndentedStatusJson : JsonSerializerContext;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(PortStatus))]
internal sealed partial class PortStatusJson : JsonSerializerContext;

/// <summary>Enumerations as words in lower case.</summary>
internal sealed class CamelCaseEnum<T>() : JsonStringEnumConverter<T>(System.Text.Json.JsonNamingPolicy.CamelCase)
    where T : struct, Enum;
