using System.Text.Json;
using System.Text.Json.Serialization;
using Makatea.Platform;

namespace Makatea.Domains.Manager;

/// <summary>What manager and component tell each other: one line of JSON each, with its kind as <c>type</c>.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(StartMessage), "start")]
[JsonDerivedType(typeof(MetricsRequestMessage), "get-metrics")]
[JsonDerivedType(typeof(StopMessage), "stop")]
[JsonDerivedType(typeof(SetRulesMessage), "set-rules")]
[JsonDerivedType(typeof(SetLinkMessage), "set-link")]
[JsonDerivedType(typeof(ChangedMessage), "changed")]
[JsonDerivedType(typeof(ReadyMessage), "ready")]
[JsonDerivedType(typeof(FailedMessage), "failed")]
[JsonDerivedType(typeof(MetricsMessage), "metrics")]
public abstract record ControlMessage
{
    /// <summary>As a line, without its end.</summary>
    public byte[] ToLine() => JsonSerializer.SerializeToUtf8Bytes(this, ControlJson.Default.ControlMessage);

    /// <summary>From a line.</summary>
    /// <exception cref="JsonException">It is no message.</exception>
    public static ControlMessage FromLine(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, ControlJson.Default.ControlMessage) ?? throw new JsonException("found null, expected a message");
        }
        catch (NotSupportedException e)
        {
            throw new JsonException($"found no known type, expected a message: {e.Message}", e); // 'type' is missing
        }
    }
}

/// <summary>Manager to component, first: what it is and has.</summary>
/// <param name="Manifest">What it is and has.</param>
/// <param name="IsRestart">It died before: what fails now must not keep the rest from those who wait for it.</param>
public sealed record StartMessage(ComponentManifest Manifest, bool IsRestart) : ControlMessage;

/// <summary>Manager to component: say what you counted.</summary>
public sealed record MetricsRequestMessage : ControlMessage;

/// <summary>Manager to component: end. It finishes what its front ends handed it and exits with 0.</summary>
public sealed record StopMessage : ControlMessage;

/// <summary>Manager to net domain: a client has another firewall from now on. Answered with <see cref="ChangedMessage"/>.</summary>
/// <param name="Id">Number of the request.</param>
/// <param name="Client">Name of the client's device.</param>
/// <param name="Rules">The rules, one a string; null for none.</param>
public sealed record SetRulesMessage(long Id, string Client, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] IReadOnlyList<string>? Rules) : ControlMessage;

/// <summary>Manager to net domain: a client's link goes up or down. Answered with <see cref="ChangedMessage"/>.</summary>
/// <param name="Id">Number of the request.</param>
/// <param name="Client">Name of the client's device.</param>
/// <param name="IsAttached">Up.</param>
public sealed record SetLinkMessage(long Id, string Client, bool IsAttached) : ControlMessage;

/// <summary>Component to manager: a change was made, or could not be.</summary>
/// <param name="Id">Number of the request.</param>
/// <param name="Error">What is wrong with it; null where nothing is.</param>
public sealed record ChangedMessage(long Id, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Error) : ControlMessage;

/// <summary>Component to manager: it serves.</summary>
/// <param name="Notices">What the user may want to know of how it serves.</param>
public sealed record ReadyMessage(IReadOnlyList<string> Notices) : ControlMessage;

/// <summary>Component to manager: it cannot serve, and exits.</summary>
public sealed record FailedMessage(string Reason) : ControlMessage;

/// <summary>Component to manager: what it counted since its start.</summary>
public sealed record MetricsMessage(IReadOnlyList<MetricSample> Samples) : ControlMessage;

/// <summary>The value of one instrument for one set of tags.</summary>
/// <param name="Meter">Name of its meter.</param>
/// <param name="Name">Its name.</param>
/// <param name="Unit">Its unit (UCUM), such as <c>By</c>; null where it was given none.</param>
/// <param name="Tags">Its tags.</param>
/// <param name="Value">The sum for counters, the last value for gauges.</param>
public sealed record MetricSample(
    string Meter, string Name, [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Unit, IReadOnlyDictionary<string, string> Tags, double Value);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(ControlMessage))]
internal sealed partial class ControlJson : JsonSerializerContext;
