using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Makatea.Systems;

/// <summary>Text, free or of a pattern.</summary>
/// <param name="expected">What errors say was expected.</param>
/// <param name="pattern">Regular expression that reads the same in ECMAScript and .NET, or null.</param>
/// <param name="allowNumbers">Digits need no quotes.</param>
internal sealed class TextShape(string expected, string? pattern = null, bool allowNumbers = false) : Shape<string>
{
    private readonly Regex? _regex = pattern is null ? null : new Regex(pattern.EndsWith('$') ? pattern[..^1] + @"\z" : pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);

    public override JsonObject ToSchema(JsonObject definitions)
    {
        var schema = new JsonObject { ["type"] = allowNumbers ? new JsonArray("string", "integer") : "string" };
        if (pattern is not null)
        {
            schema["pattern"] = pattern;
        }
        else
        {
            schema["minLength"] = 1;
        }

        return schema;
    }

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, [MaybeNullWhen(false)] out string result)
    {
        result = null;
        if (value is not YamlScalar { Kind: not YamlScalarKind.Null } scalar)
        {
            errors.Structure(value.Mark, $"{what} is {value.Describe()}, expected {expected}");
            return false;
        }

        bool isText = scalar.Kind == YamlScalarKind.Text;
        if (!isText && !(allowNumbers && scalar.Kind == YamlScalarKind.Integer))
        {
            string quote = IsMatch(scalar.Text) ? $"; write \"{scalar.Text}\" if that text is meant" : "";
            errors.Structure(value.Mark, $"{what} is {scalar.Describe()}, expected {expected}{quote}");
            return false;
        }

        if (!IsMatch(scalar.Text))
        {
            string message = $"{what} is {scalar.Describe()}, expected {expected}";
            if (isText)
            {
                errors.Structure(value.Mark, message);
            }
            else
            {
                errors.Meaning(value.Mark, message); // the schema's pattern says nothing of numbers
            }

            return false;
        }

        result = scalar.Text;
        return true;
    }

    private bool IsMatch(string text) => _regex?.IsMatch(text) ?? text.Length != 0;
}

/// <summary>One of some words.</summary>
internal sealed class WordShape<T>(params (string Word, T Value)[] words) : Shape<T>
{
    public override JsonObject ToSchema(JsonObject definitions) =>
        new() { ["enum"] = new JsonArray([.. words.Select(w => JsonValue.Create(w.Word))]) };

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, [MaybeNullWhen(false)] out T result)
    {
        string[] names = [.. words.Select(w => w.Word)];
        string? text = value is YamlScalar { Kind: YamlScalarKind.Text } scalar ? scalar.Text : null;
        int index = Array.IndexOf(names, text);
        if (index < 0)
        {
            errors.Structure(value.Mark, $"{what} is {value.Describe()}, expected {Phrase.OneOf(names)}{NearestName.Hint(text ?? "", names)}");
            result = default;
            return false;
        }

        result = words[index].Value!;
        return true;
    }
}

/// <summary><c>true</c> or <c>false</c>.</summary>
internal sealed class FlagShape : Shape<bool>
{
    public override JsonObject ToSchema(JsonObject definitions) => new() { ["type"] = "boolean" };

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, out bool result)
    {
        if (value is YamlScalar { Kind: YamlScalarKind.Boolean } scalar)
        {
            result = scalar.Text[0] is 't' or 'T';
            return true;
        }

        string meant = value is YamlScalar { Text: var text } ? text.ToLowerInvariant() switch
        {
            "yes" or "on" or "1" or "y" => "; did you mean 'true'?",
            "no" or "off" or "0" or "n" => "; did you mean 'false'?",
            _ => NearestName.Hint(text, ["true", "false"]),
        } : "";
        errors.Structure(value.Mark, $"{what} is {value.Describe()}, expected true or false{meant}");
        result = false;
        return false;
    }
}

/// <summary>Words for messages.</summary>
internal static class Phrase
{
    /// <summary>"1 disk", "2 disks".</summary>
    public static string Count(long count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    /// <summary>"a", "a or b", "one of a, b, c".</summary>
    public static string OneOf(IReadOnlyList<string> names) => names.Count switch
    {
        0 => "none",
        1 => names[0],
        2 => $"{names[0]} or {names[1]}",
        _ => $"one of {string.Join(", ", names)}",
    };
}
