using System.Globalization;
using System.Text.RegularExpressions;

namespace Makatea.Sel4.Image.Boards;

/// <summary>An integer expression of C, as it stands after <c>#if</c>, in a macro or behind an enumerator.</summary>
internal sealed partial class HeaderExpression
{
    private const int DeepestNesting = 64;

    // From the loosest to the tightest.
    private static readonly string[][] _operators = [["||"], ["&&"], ["|"], ["^"], ["&"], ["==", "!="], ["<=", ">=", "<", ">"], ["<<", ">>"], ["+", "-"], ["*"]];

    private readonly List<string> _tokens;
    private readonly Func<string, long> _valueOf;
    private readonly Func<string, bool> _isDefined;
    private int _next;
    private int _depth;

    private HeaderExpression(string text, Func<string, long> valueOf, Func<string, bool> isDefined)
    {
        _tokens = [.. Token().Matches(text).Select(m => m.Value.Trim()).Where(t => t.Length > 0)];
        _valueOf = valueOf;
        _isDefined = isDefined;
    }

    /// <summary>Its value.</summary>
    /// <param name="text">The expression, comments removed.</param>
    /// <param name="valueOf">What a name stands for.</param>
    /// <param name="isDefined">Whether a macro of that name is defined.</param>
    /// <exception cref="ImageException">It is no such expression.</exception>
    public static long Evaluate(string text, Func<string, long> valueOf, Func<string, bool> isDefined)
    {
        var expression = new HeaderExpression(text, valueOf, isDefined);
        long value = expression.Binary(0);
        return expression._next == expression._tokens.Count ? value : throw Unreadable(text);
    }

    private static ImageException Unreadable(string text) => new($"cannot evaluate '{text.Trim()}'");

    private ImageException Unreadable() => Unreadable(string.Join(' ', _tokens));

    private string? Peek() => _next < _tokens.Count ? _tokens[_next] : null;

    private string Take() => _next < _tokens.Count ? _tokens[_next++] : throw Unreadable();

    private void Expect(string token)
    {
        if (Take() != token)
        {
            throw Unreadable();
        }
    }

    private long Binary(int level)
    {
        if (level == _operators.Length)
        {
            return Unary();
        }

        long left = Binary(level + 1);
        while (Peek() is { } symbol && _operators[level].Contains(symbol))
        {
            _next++;
            left = Apply(symbol, left, Binary(level + 1));
        }

        return left;
    }

    private long Apply(string symbol, long left, long right) => symbol switch
    {
        "||" => left != 0 || right != 0 ? 1 : 0,
        "&&" => left != 0 && right != 0 ? 1 : 0,
        "|" => left | right,
        "^" => left ^ right,
        "&" => left & right,
        "==" => left == right ? 1 : 0,
        "!=" => left != right ? 1 : 0,
        "<=" => left <= right ? 1 : 0,
        ">=" => left >= right ? 1 : 0,
        "<" => left < right ? 1 : 0,
        ">" => left > right ? 1 : 0,
        "<<" when right is >= 0 and < 64 => left << (int)right,
        ">>" when right is >= 0 and < 64 => left >> (int)right,
        "+" => unchecked(left + right),
        "-" => unchecked(left - right),
        "*" => unchecked(left * right),
        _ => throw Unreadable(),
    };

    private long Unary()
    {
        if (++_depth > DeepestNesting)
        {
            throw Unreadable();
        }

        string token = Take();
        long value = token switch
        {
            "!" => Unary() == 0 ? 1 : 0,
            "-" => unchecked(-Unary()),
            "~" => ~Unary(),
            "(" => Parenthesised(),
            "defined" => Defined(),
            _ when char.IsAsciiDigit(token[0]) => Number(token),
            _ when char.IsAsciiLetter(token[0]) || token[0] == '_' => _valueOf(token),
            _ => throw Unreadable(),
        };
        _depth--;
        return value;
    }

    private long Parenthesised()
    {
        long value = Binary(0);
        Expect(")");
        return value;
    }

    private long Defined()
    {
        string name = Take();
        if (name == "(")
        {
            name = Take();
            Expect(")");
        }

        return _isDefined(name) ? 1 : 0;
    }

    private long Number(string token)
    {
        string digits = token.TrimEnd('u', 'U', 'l', 'L');
        bool isHexadecimal = digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return ulong.TryParse(
            isHexadecimal ? digits.AsSpan(2) : digits, isHexadecimal ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out ulong value)
            ? unchecked((long)value)
            : throw Unreadable();
    }

    [GeneratedRegex(@"\w+|\|\||&&|[=!<>]=|<<|>>|\S|\s+")]
    private static partial Regex Token();
}
