using System.Text.Json.Serialization;

namespace Makatea.Running;

/// <summary>What a running qube's VMM says of it. What a VMM does not say is null or empty.</summary>
internal sealed record QubeMachine
{
    /// <summary>The VMM, its version, and what it runs instructions with.</summary>
    public string Vmm { get; init; } = "";

    /// <summary>How it is, by QEMU's names: <c>running</c>, <c>paused</c> and so on.</summary>
    public string Status { get; init; } = "";

    /// <summary>What its time stamp counter counts in a second.</summary>
    public ulong? TscFrequency { get; init; }

    /// <summary>The host's processor has neither VT-x nor SVM, and KVM emulates them.</summary>
    public bool? IsEmulated { get; init; }

    /// <summary>Bytes of the console that were lost since its start.</summary>
    public long? ConsoleLost { get; init; }

    /// <summary>Its processors.</summary>
    public IReadOnlyList<QubeProcessor> Processors { get; init; } = [];

    /// <summary>Its devices.</summary>
    public IReadOnlyList<QubeMachineDevice> Devices { get; init; } = [];

    /// <summary>How it stands against flaws of the host's processors.</summary>
    public IReadOnlyList<QubeMitigation> Mitigations { get; init; } = [];
}

/// <summary>A processor.</summary>
/// <param name="Id">Its number.</param>
/// <param name="State">What it does.</param>
/// <param name="Exits">How often it left the guest since its start.</param>
internal sealed record QubeProcessor(uint Id, string? State = null, long? Exits = null);

/// <summary>A device.</summary>
/// <param name="Kind"><c>disk</c> or <c>net</c>.</param>
/// <param name="Socket">Path of its back end's socket.</param>
/// <param name="Queues">Number of its queues.</param>
/// <param name="Features">Features that it offers, as virtio has them.</param>
internal sealed record QubeMachineDevice(string Kind, string Socket, int Queues, string Features);

/// <summary>A flaw of processors.</summary>
/// <param name="Name">As Linux names it.</param>
/// <param name="State">How the guest stands.</param>
/// <param name="Why">What that follows from.</param>
internal sealed record QubeMitigation(string Name, string State, string Why);

/// <summary>A qube and, where it runs, its machine: what <c>makatea qube info</c> shows.</summary>
internal sealed record QubeReport(QubeStatus Qube, QubeMachine? Machine);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(QubeMachine))]
internal sealed partial class QubeMachineJson : JsonSerializerContext;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = false, Converters = [typeof(CamelCaseEnum<PartState>), typeof(CamelCaseEnum<Systems.Label>), typeof(CamelCaseEnum<Systems.VmmKind>)])]
[JsonSerializable(typeof(QubeReport))]
internal sealed partial class QubeReportJson : JsonSerializerContext;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, Converters = [typeof(CamelCaseEnum<PartState>), typeof(CamelCaseEnum<Systems.Label>), typeof(CamelCaseEnum<Systems.VmmKind>)])]
[JsonSerializable(typeof(QubeReport))]
internal sealed partial class IndentedQubeReportJson : JsonSerializerContext;
