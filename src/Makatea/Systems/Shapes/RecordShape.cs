using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Makatea.Systems;

/// <summary>A mapping whose keys are fixed.</summary>
/// <param name="noun">How errors call it, such as <c>qube</c>; its name in the schema.</param>
/// <param name="description">What it is.</param>
/// <param name="create">Makes an empty one.</param>
internal sealed class RecordShape<T>(string noun, string description, Func<T> create) : Shape<T>
    where T : class
{
    private readonly OrderedDictionary<string, Field> _fields = new(StringComparer.Ordinal);
    private readonly List<string[]> _alternatives = [];
    private readonly List<string[]> _choices = [];
    private readonly List<(string Key, string Needs)> _dependencies = [];
    private bool _allowsExtensions;

    /// <summary>A key that has to be there.</summary>
    public RecordShape<T> Required<TValue>(string key, Shape<TValue> shape, Action<T, TValue> set, string description)
    {
        _fields.Add(key, new Field<TValue>(shape, set, description) { IsRequired = true });
        return this;
    }

    /// <summary>A key that may be left out.</summary>
    /// <param name="key">The key.</param>
    /// <param name="shape">Its value's.</param>
    /// <param name="set">Stores the value.</param>
    /// <param name="description">What it is for.</param>
    /// <param name="defaultValue">What holds without it, for the schema.</param>
    public RecordShape<T> Optional<TValue>(string key, Shape<TValue> shape, Action<T, TValue> set, string description, JsonNode? defaultValue = null)
    {
        _fields.Add(key, new Field<TValue>(shape, set, description) { Default = defaultValue });
        return this;
    }

    /// <summary>Exactly one of these keys has to be there.</summary>
    public RecordShape<T> ExactlyOneOf(params string[] keys)
    {
        _alternatives.Add(keys);
        return this;
    }

    /// <summary>At least one of these keys has to be there.</summary>
    public RecordShape<T> AtLeastOneOf(params string[] keys)
    {
        _choices.Add(keys);
        return this;
    }

    /// <summary>One key makes sense with another alone.</summary>
    public RecordShape<T> Needs(string key, string needed)
    {
        _dependencies.Add((key, needed));
        return this;
    }

    /// <summary>Keys that start with <c>x-</c> are the user's own, for anchors.</summary>
    public RecordShape<T> AllowExtensions()
    {
        _allowsExtensions = true;
        return this;
    }

    public override JsonObject ToSchema(JsonObject definitions)
    {
        if (!definitions.ContainsKey(noun))
        {
            definitions[noun] = null; // keeps the order of first use
            definitions[noun] = Describe(definitions);
        }

        return new JsonObject { ["$ref"] = $"#/$defs/{noun}" };
    }

    /// <summary>The schema itself, not a reference to it.</summary>
    public JsonObject Describe(JsonObject definitions)
    {
        var properties = new JsonObject();
        foreach ((string key, Field field) in _fields)
        {
            JsonObject property = field.ToSchema(definitions);
            property["description"] = field.Description;
            if (field.Default is { } defaultValue)
            {
                property["default"] = defaultValue.DeepClone();
            }

            properties[key] = property;
        }

        var schema = new JsonObject
        {
            ["description"] = description,
            ["type"] = AllowsNothing ? new JsonArray("object", "null") : "object",
            ["properties"] = properties,
            ["additionalProperties"] = false,
        };
        if (_allowsExtensions)
        {
            schema["patternProperties"] = new JsonObject { ["^x-"] = true };
        }

        if (_fields.Any(f => f.Value.IsRequired))
        {
            schema["required"] = Names(_fields.Where(f => f.Value.IsRequired).Select(f => f.Key));
        }

        if (_dependencies.Count != 0)
        {
            schema["dependentRequired"] = new JsonObject(_dependencies.Select(d => KeyValuePair.Create(d.Key, (JsonNode?)Names([d.Needs]))));
        }

        if (_alternatives.Count + _choices.Count != 0)
        {
            schema["allOf"] = new JsonArray([.. _alternatives.Select(k => Any("oneOf", k)), .. _choices.Select(k => Any("anyOf", k))]);
        }

        return schema;
    }

    private bool AllowsNothing => _alternatives.Count + _choices.Count == 0 && _fields.All(f => !f.Value.IsRequired);

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, [MaybeNullWhen(false)] out T result)
    {
        result = create();
        if (value is YamlScalar { Kind: YamlScalarKind.Null } && AllowsNothing)
        {
            return true;
        }

        if (value is not YamlMapping mapping)
        {
            errors.Structure(value.Mark, $"{what} is {value.Describe()}, expected a {noun}: a mapping with {Phrase.OneOf(_fields.Keys)}");
            return false;
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach ((YamlScalar key, YamlValue entry) in mapping.Entries)
        {
            seen.Add(key.Text);
            if (_fields.TryGetValue(key.Text, out Field? field))
            {
                field.Read(entry, key.Text, errors, result);
            }
            else if (!_allowsExtensions || !key.Text.StartsWith("x-", StringComparison.Ordinal))
            {
                errors.Structure(key.Mark, $"{key.Describe()} is no key of a {noun}, expected {Phrase.OneOf(_fields.Keys)}{NearestName.Hint(key.Text, _fields.Keys)}");
            }
        }

        CheckKeys(mapping, seen, what, errors);
        return true;
    }

    private void CheckKeys(YamlMapping mapping, HashSet<string> seen, string what, SystemFileErrors errors)
    {
        foreach (string key in _fields.Where(f => f.Value.IsRequired && !seen.Contains(f.Key)).Select(f => f.Key))
        {
            errors.Structure(mapping.Mark, $"{what} has no '{key}', which a {noun} needs: {_fields[key].Description}");
        }

        foreach (string[] keys in _alternatives)
        {
            string[] present = [.. keys.Where(seen.Contains)];
            if (present.Length != 1)
            {
                SourceMark mark = present.Length == 0 ? mapping.Mark : mapping.MarkOf(present[1]);
                errors.Structure(mark, $"{what} has {(present.Length == 0 ? "none" : "more than one")} of {string.Join(", ", keys)}, expected exactly one");
            }
        }

        foreach (string[] keys in _choices.Where(c => !c.Any(seen.Contains)))
        {
            errors.Structure(mapping.Mark, $"{what} has neither {string.Join(" nor ", keys)}, expected at least one of them");
        }

        foreach ((string key, string needs) in _dependencies.Where(d => seen.Contains(d.Key) && !seen.Contains(d.Needs)))
        {
            errors.Structure(mapping.MarkOf(key), $"{what} has '{key}' without '{needs}', expected both or none");
        }
    }

    private static JsonObject Any(string keyword, string[] keys) =>
        new() { [keyword] = new JsonArray([.. keys.Select(k => new JsonObject { ["required"] = Names([k]) })]) };

    private static JsonArray Names(IEnumerable<string> names) => new([.. names.Select(n => JsonValue.Create(n))]);

    private abstract class Field(string description)
    {
        public string Description { get; } = description;

        public bool IsRequired { get; init; }

        public JsonNode? Default { get; init; }

        public abstract JsonObject ToSchema(JsonObject definitions);

        public abstract void Read(YamlValue value, string what, SystemFileErrors errors, T record);
    }

    private sealed class Field<TValue>(Shape<TValue> shape, Action<T, TValue> set, string description) : Field(description)
    {
        public override JsonObject ToSchema(JsonObject definitions) => shape.ToSchema(definitions);

        public override void Read(YamlValue value, string what, SystemFileErrors errors, T record)
        {
            if (shape.TryRead(value, what, errors, out TValue? read))
            {
                set(record, read);
            }
        }
    }
}
