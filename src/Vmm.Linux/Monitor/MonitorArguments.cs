using System.Text.Json;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>Arguments of a command, as the client wrote them.</summary>
/// <param name="json">An object; the default of the type for none.</param>
internal readonly struct MonitorArguments(JsonElement json)
{
    /// <summary>Names of all of them.</summary>
    public IEnumerable<string> Names => json.ValueKind == JsonValueKind.Object ? json.EnumerateObject().Select(p => p.Name) : [];

    /// <summary>Text that has to be there.</summary>
    public string Text(string name) => TextOrNull(name) ?? throw Missing(name);

    /// <summary>Text, or null where it is not there.</summary>
    public string? TextOrNull(string name) => Find(name, JsonValueKind.String) is { } found ? Decode(name, found) : null;

    /// <summary>A whole number that has to be there.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="least">The least that is possible.</param>
    /// <param name="most">The most that is possible.</param>
    public long Number(string name, long least, long most) => NumberOrNull(name, least, most) ?? throw Missing(name);

    /// <summary>A whole number, or null where it is not there.</summary>
    public long? NumberOrNull(string name, long least, long most) => Find(name, JsonValueKind.Number) switch
    {
        null => null,
        { } found when found.TryGetInt64(out long value) && value >= least && value <= most => value,
        { } found => throw new MonitorException($"parameter '{name}': found {found.GetRawText()}, expected a whole number of {least} to {most}"),
    };

    /// <summary>True or false; <paramref name="otherwise"/> where it is not there.</summary>
    public bool Flag(string name, bool otherwise) => Find(name, JsonValueKind.True, JsonValueKind.False)?.GetBoolean() ?? otherwise;

    /// <summary>An object that has to be there.</summary>
    public MonitorArguments Object(string name) => new(Find(name, JsonValueKind.Object) ?? throw Missing(name));

    private static MonitorException Missing(string name) => new($"parameter '{name}' is missing");

    private static string Decode(string name, JsonElement text)
    {
        try
        {
            return text.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new MonitorException($"parameter '{name}': found half of a surrogate pair, expected Unicode text");
        }
    }

    private JsonElement? Find(string name, JsonValueKind kind, JsonValueKind orKind = JsonValueKind.Undefined)
    {
        if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty(name, out JsonElement found))
        {
            return null;
        }

        return found.ValueKind == kind || found.ValueKind == orKind
            ? found
            : throw new MonitorException($"parameter '{name}': found {Describe(found.ValueKind)}, expected {Describe(kind)}");
    }

    private static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "text",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };
}
