using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Makatea.Systems;

/// <summary>A whole number within limits, in decimal.</summary>
internal sealed class WholeNumberShape(long minimum, long maximum) : Shape<long>
{
    public override JsonObject ToSchema(JsonObject definitions) =>
        new() { ["type"] = "integer", ["minimum"] = minimum, ["maximum"] = maximum };

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, out long result)
    {
        result = 0;
        if (value is YamlScalar { Kind: YamlScalarKind.Integer } scalar
            && long.TryParse(scalar.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out result)
            && result >= minimum && result <= maximum)
        {
            return true;
        }

        errors.Structure(value.Mark, $"{what} is {value.Describe()}, expected a whole number from {minimum} to {maximum}");
        return false;
    }
}

/// <summary>
/// A number of bytes with its unit: <c>256M</c>, <c>1.5GiB</c>. Units are powers of 1024, as QEMU's and Docker's are.
/// </summary>
internal sealed partial class SizeShape(ulong minimum, ulong maximum) : Shape<ulong>
{
    private const string Pattern = "^[0-9]{1,15}(\\.[0-9]{1,6})?([KMGTkmgt](iB)?)$";
    private const string Units = "KMGT";

    public override JsonObject ToSchema(JsonObject definitions) => new() { ["type"] = "string", ["pattern"] = Pattern };

    public override bool TryRead(YamlValue value, string what, SystemFileErrors errors, out ulong result)
    {
        result = 0;
        if (value is not YamlScalar scalar || scalar.Kind != YamlScalarKind.Text || !TryParse(scalar.Text, out decimal bytes))
        {
            string digits = value is YamlScalar { Kind: YamlScalarKind.Integer, Text.Length: < 10 } number ? $"; did you mean {number.Text}M?" : "";
            errors.Structure(value.Mark, $"{what} is {value.Describe()}, expected a size with its unit (K, M, G or T, powers of 1024), such as 256M or 1.5GiB{digits}");
            return false;
        }

        if (bytes != decimal.Truncate(bytes) || bytes < minimum || bytes > maximum)
        {
            errors.Meaning(value.Mark, $"{what} is {value.Describe()}, expected a whole number of bytes from {Format(minimum)} to {Format(maximum)}");
            return false;
        }

        result = (ulong)bytes;
        return true;
    }

    /// <summary>Reads a size.</summary>
    public static bool TryParse(string text, out decimal bytes)
    {
        bytes = 0;
        Match match = Expression().Match(text);
        if (!match.Success)
        {
            return false;
        }

        string unit = match.Groups[2].Value;
        int power = Units.IndexOf(char.ToUpperInvariant(unit[0])) + 1;
        bytes = decimal.Parse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) * (1ul << (10 * power));
        return true;
    }

    /// <summary>In the largest unit that keeps it whole.</summary>
    public static string Format(ulong bytes)
    {
        int power = 0;
        while (power < Units.Length && bytes != 0 && bytes % 1024 == 0)
        {
            bytes /= 1024;
            power++;
        }

        return power == 0 ? $"{bytes} bytes" : $"{bytes}{Units[power - 1]}";
    }

    [GeneratedRegex("^[0-9]{1,15}(\\.[0-9]{1,6})?([KMGTkmgt](iB)?)\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Expression();
}
