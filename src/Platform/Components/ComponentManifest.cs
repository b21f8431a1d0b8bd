using System.Text.Json;
using System.Text.Json.Serialization;

namespace Makatea.Platform;

/// <summary>
/// All that a component is given at start. It opens nothing by name: each grant is a number in the table of rights that the manager
/// filled for it (a file descriptor on Linux, a slot of its CSpace on seL4).
/// </summary>
public sealed record ComponentManifest
{
    /// <summary>Name in the system, for logs and metrics.</summary>
    public required string Name { get; init; }

    /// <summary>What it runs, such as <c>storage</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Its rights.</summary>
    public IReadOnlyList<ManifestGrant> Grants { get; init => field = value ?? []; } = [];

    /// <summary>The devices that it serves.</summary>
    public IReadOnlyList<ManifestDevice> Devices { get; init => field = value ?? []; } = [];

    /// <summary>The grant of a name.</summary>
    /// <exception cref="KeyNotFoundException">It was not granted.</exception>
    public ManifestGrant Find(string name) =>
        Grants.FirstOrDefault(g => g.Name == name)
        ?? throw new KeyNotFoundException($"component '{Name}' was not granted '{name}'; it has: {string.Join(", ", Grants.Select(g => g.Name))}");

    /// <summary>As JSON, the form in which the manager hands it over.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ManifestJson.Default.ComponentManifest);

    /// <summary>From JSON.</summary>
    /// <exception cref="JsonException">It is not a manifest.</exception>
    public static ComponentManifest FromJson(ReadOnlySpan<byte> json) => new ManifestReader(json).Read();
}

/// <summary>One right of a component.</summary>
/// <param name="Name">By which the component and its devices refer to it.</param>
/// <param name="Type">Its kind.</param>
/// <param name="Slot">Its number in the component's table of rights.</param>
/// <param name="Access">What may be done with it.</param>
public sealed record ManifestGrant(string Name, GrantType Type, int Slot, MemoryAccess Access = MemoryAccess.ReadWrite);

/// <summary>One device of a component: the name of its backend and what to configure it with.</summary>
/// <param name="Name">Name in the system, for logs and metrics.</param>
/// <param name="Backend">Name under which a module registered the backend, such as <c>virtio-blk</c>.</param>
/// <param name="Channel">Name of the grant on which front ends arrive.</param>
/// <param name="Options">The backend's own options; values that start with <c>grant:</c> name a grant.</param>
public sealed record ManifestDevice(string Name, string Backend, string Channel, IReadOnlyDictionary<string, string> Options);

/// <summary>Kinds of rights.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<GrantType>))]
public enum GrantType
{
    /// <summary>Shared memory.</summary>
    Region,

    /// <summary>A doorbell.</summary>
    Doorbell,

    /// <summary>A connected channel.</summary>
    Channel,

    /// <summary>A listener for channels.</summary>
    Listener,

    /// <summary>A file or block device of the host.</summary>
    File,

    /// <summary>A device function.</summary>
    Function,

    /// <summary>A network interface of the host.</summary>
    Port,
}

// Without these, what is missing or null would come out as null whatever its type says. (What has an initialiser is set to null where it is missing.)
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ComponentManifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
