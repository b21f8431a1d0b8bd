using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Makatea.Tests.Systems;

/// <summary>
/// Evaluates the keywords of JSON schema (draft 2020-12) that our schema uses, and throws on any other, so that none is skipped in silence.
/// No library that evaluates this draft can be restored from the package source that we build with.
/// </summary>
internal sealed class JsonSchemaEvaluator(JsonObject root)
{
    private static readonly string[] _annotations = ["$schema", "title", "description", "default", "$defs"];

    private readonly Dictionary<string, Regex> _patterns = [];

    public bool IsValid(JsonNode? value) => IsValid(root, value);

    private bool IsValid(JsonNode? schema, JsonNode? value)
    {
        if (schema!.GetValueKind() is JsonValueKind.True)
        {
            return true;
        }

        if (schema.GetValueKind() is JsonValueKind.False)
        {
            return false;
        }

        JsonObject keywords = schema.AsObject();
        return keywords.Where(k => !_annotations.Contains(k.Key)).All(k => Holds(k.Key, k.Value!, keywords, value));
    }

    private bool Holds(string keyword, JsonNode argument, JsonObject schema, JsonNode? value)
    {
        var map = value as JsonObject;
        var list = value as JsonArray;
        string? text = value?.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;
        decimal? number = value?.GetValueKind() == JsonValueKind.Number ? decimal.Parse(value.ToJsonString(), System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture) : null;
        return keyword switch
        {
            "$ref" => IsValid(root["$defs"]![argument.GetValue<string>()["#/$defs/".Length..]]!, value),
            "type" => argument is JsonArray types ? types.Any(t => IsOfType(t!.GetValue<string>(), value, number)) : IsOfType(argument.GetValue<string>(), value, number),
            "enum" => argument.AsArray().Any(v => JsonNode.DeepEquals(v, value)),
            "pattern" => text is null || Pattern(argument.GetValue<string>()).IsMatch(text),
            "minLength" => text is null || text.Length >= argument.GetValue<int>(),
            "minimum" => number is null || number >= argument.GetValue<long>(),
            "maximum" => number is null || number <= argument.GetValue<long>(),
            "items" => list is null || list.All(i => IsValid(argument, i)),
            "maxItems" => list is null || list.Count <= argument.GetValue<int>(),
            "minProperties" => map is null || map.Count >= argument.GetValue<int>(),
            "maxProperties" => map is null || map.Count <= argument.GetValue<int>(),
            "propertyNames" => map is null || map.All(p => IsValid(argument, JsonValue.Create(p.Key))),
            "properties" => map is null || argument.AsObject().All(p => !map.ContainsKey(p.Key) || IsValid(p.Value, map[p.Key])),
            "patternProperties" => map is null || argument.AsObject().All(p => map.Where(m => Pattern(p.Key).IsMatch(m.Key)).All(m => IsValid(p.Value, m.Value))),
            "additionalProperties" => map is null || map.Where(p => IsAdditional(p.Key, schema)).All(p => IsValid(argument, p.Value)),
            "required" => map is null || argument.AsArray().All(r => map.ContainsKey(r!.GetValue<string>())),
            "dependentRequired" => map is null || argument.AsObject().All(d => !map.ContainsKey(d.Key) || d.Value!.AsArray().All(r => map.ContainsKey(r!.GetValue<string>()))),
            "allOf" => argument.AsArray().All(s => IsValid(s, value)),
            "anyOf" => argument.AsArray().Any(s => IsValid(s, value)),
            "oneOf" => argument.AsArray().Count(s => IsValid(s, value)) == 1,
            _ => throw new NotSupportedException($"keyword '{keyword}'"),
        };
    }

    /// <summary>In ECMAScript, '$' is the very end.</summary>
    private Regex Pattern(string pattern) =>
        _patterns.TryGetValue(pattern, out Regex? regex) ? regex : _patterns[pattern] = new Regex(pattern.EndsWith('$') ? pattern[..^1] + @"\z" : pattern, RegexOptions.CultureInvariant);

    private bool IsAdditional(string key, JsonObject schema) =>
        !(schema["properties"] as JsonObject)?.ContainsKey(key) != false
        && !((schema["patternProperties"] as JsonObject)?.Any(p => Pattern(p.Key).IsMatch(key)) ?? false);

    private static bool IsOfType(string type, JsonNode? value, decimal? number) => type switch
    {
        "null" => value is null,
        "object" => value is JsonObject,
        "array" => value is JsonArray,
        "string" => value?.GetValueKind() == JsonValueKind.String,
        "boolean" => value?.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
        "integer" => number is { } n && n == decimal.Truncate(n),
        _ => throw new NotSupportedException($"type '{type}'"),
    };
}
