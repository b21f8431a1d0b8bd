using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Makatea.Systems;

/// <summary>A list.</summary>
internal sealed class ListShape<T>(Shape<T> item, int maximum) : Shape<IReadOnlyList<T>>
{
    public override JsonObject ToSchema(JsonObject definitions) =>
        new() { ["type"] = "array", ["items"] = item.ToSchema(definitions), ["maxItems"] = maximum };

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, [MaybeNullWhen(false)] out IReadOnlyList<T> result)
    {
        result = null;
        if (value is not YamlSequence sequence)
        {
            errors.Structure(value.Mark, $"{what} is {value.Describe()}, expected a list");
            return false;
        }

        if (sequence.Items.Count > maximum)
        {
            errors.Structure(value.Mark, $"{what} has {sequence.Items.Count} items, expected at most {maximum}");
            return false;
        }

        var items = new List<T>(sequence.Items.Count);
        foreach (YamlValue element in sequence.Items)
        {
            if (item.TryRead(element, $"an item of {what}", errors, out T? read))
            {
                items.Add(read);
            }
        }

        result = items;
        return true;
    }
}

/// <summary>A mapping from names that the user chooses to values of one shape.</summary>
/// <param name="names">What a name looks like.</param>
/// <param name="item">What a value looks like.</param>
/// <param name="setName">Tells the value its name.</param>
/// <param name="minimum">Fewest entries.</param>
/// <param name="maximum">Most entries.</param>
internal sealed class NamedShape<T>(Shape<string> names, Shape<T> item, Action<T, Located<string>> setName, int minimum, int maximum) : Shape<IReadOnlyList<T>>
{
    public override JsonObject ToSchema(JsonObject definitions) => new()
    {
        ["type"] = "object",
        ["propertyNames"] = names.ToSchema(definitions),
        ["additionalProperties"] = item.ToSchema(definitions),
        ["minProperties"] = minimum,
        ["maxProperties"] = maximum,
    };

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, [MaybeNullWhen(false)] out IReadOnlyList<T> result)
    {
        result = null;
        if (value is not YamlMapping mapping)
        {
            errors.Structure(value.Mark, $"{what} is {value.Describe()}, expected a mapping from names");
            return false;
        }

        if (mapping.Entries.Count < minimum || mapping.Entries.Count > maximum)
        {
            errors.Structure(value.Mark, $"{what} has {mapping.Entries.Count} entries, expected {minimum} to {maximum}");
            return false;
        }

        var items = new List<T>(mapping.Entries.Count);
        foreach ((YamlScalar key, YamlValue entry) in mapping.Entries)
        {
            // A name is text even where it would read as something else, such as a qube called 'null'.
            names.TryRead(new YamlScalar(key.Mark, key.Text, YamlScalarKind.Text), $"the name of an entry of {what}", errors, out _);
            if (item.TryRead(entry, $"'{key.Text}'", errors, out T? read))
            {
                setName(read, new(key.Text, key.Mark));
                items.Add(read);
            }
        }

        result = items;
        return true;
    }
}
