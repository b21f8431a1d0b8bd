using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Makatea.Systems;

/// <summary>A time with its unit, in microseconds: <c>300us</c>, <c>5ms</c>, <c>1s</c>.</summary>
internal sealed partial class DurationShape(long minimum, long maximum) : Shape<long>
{
    private const string Pattern = "^[0-9]{1,9}(us|ms|s)$";

    public override JsonObject ToSchema(JsonObject definitions) => new() { ["type"] = "string", ["pattern"] = Pattern };

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, out long result)
    {
        result = 0;
        Match match = value is YamlScalar { Kind: YamlScalarKind.Text } scalar ? Expression().Match(scalar.Text) : Match.Empty;
        if (!match.Success)
        {
            string digits = value is YamlScalar { Kind: YamlScalarKind.Integer, Text.Length: < 10 } number ? $"; did you mean {number.Text}us?" : "";
            errors.Structure(value.Mark, $"{what} is {value.Describe()}, expected a time with its unit (us, ms or s), such as 300us or 5ms{digits}");
            return false;
        }

        long unit = match.Groups[2].Value switch { "us" => 1, "ms" => 1_000, _ => 1_000_000 };
        result = long.Parse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture) * unit;
        if (result < minimum || result > maximum)
        {
            errors.Meaning(value.Mark, $"{what} is {value.Describe()}, expected {minimum}us to {maximum / 1_000_000}s");
            return false;
        }

        return true;
    }

    [GeneratedRegex("^([0-9]{1,9})(us|ms|s)\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Expression();
}
