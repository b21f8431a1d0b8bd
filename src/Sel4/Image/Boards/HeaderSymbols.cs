using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.RegularExpressions;

namespace Makatea.Sel4.Image.Boards;

/// <summary>
/// The enumerators and the macros without parameters of some of the kernel's headers, as they are in one configuration: conditions are evaluated, and an enumerator's value follows
/// from its place where the header gives none. Names may refer to headers that are added later.
/// </summary>
internal sealed partial class HeaderSymbols(KernelConfiguration configuration)
{
    private const int DeepestReference = 64;

    private readonly Dictionary<string, string> _macros = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Enumerator> _enumerators = new(StringComparer.Ordinal);
    private readonly HashSet<string> _evaluating = new(StringComparer.Ordinal);

    /// <summary>Adds a header.</summary>
    /// <exception cref="ImageException">Its conditions cannot be evaluated.</exception>
    public void Add(string path, string text)
    {
        try
        {
            AddEnumerations(Preprocess(text));
        }
        catch (ImageException e)
        {
            throw new ImageException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Value of an enumerator, where the configuration has it.</summary>
    /// <exception cref="ImageException">Its value cannot be evaluated.</exception>
    public bool TryGetEnumerator(string name, out long value)
    {
        bool isThere = _enumerators.TryGetValue(name, out Enumerator enumerator);
        value = isThere ? Evaluate(name, enumerator.Start) + enumerator.Offset : 0;
        return isThere;
    }

    /// <summary>Value of a macro, where the configuration has it.</summary>
    /// <exception cref="ImageException">It stands for no integer.</exception>
    public bool TryGetMacro(string name, out long value)
    {
        bool isThere = TryGetMacroText(name, out string? text);
        value = isThere ? Evaluate(name, text!) : 0;
        return isThere;
    }

    /// <summary>What remains of a header where its conditions hold. Macros are taken note of.</summary>
    private string Preprocess(string text)
    {
        var remains = new StringBuilder();
        var open = new Stack<Condition>();
        foreach (string line in Comment().Replace(text, " ").Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))
        {
            Match directive = Directive().Match(line);
            if (!directive.Success)
            {
                if (open.All(c => c.Holds))
                {
                    remains.Append(line).Append('\n');
                }

                continue;
            }

            string rest = directive.Groups["rest"].Value.Trim();
            Follow(directive.Groups["name"].Value, rest, open);
        }

        return open.Count == 0 ? remains.ToString() : throw new ImageException("an #if is not closed");
    }

    private void Follow(string directive, string rest, Stack<Condition> open)
    {
        switch (directive)
        {
            case "if" or "ifdef" or "ifndef":
                // A condition in text that is left out is not looked at.
                open.Push(open.All(c => c.Holds) ? Begin(Test(directive, rest)) : new Condition(false, true));
                break;
            case "elif":
                Condition before = Pop(open);
                open.Push(before.WasTaken ? new Condition(false, true) : Begin(Test("if", rest)));
                break;
            case "else":
                open.Push(Begin(!Pop(open).WasTaken));
                break;
            case "endif":
                Pop(open);
                break;
            case "define" when open.All(c => c.Holds) && Definition().Match(rest) is { Success: true } macro:
                _macros[macro.Groups["name"].Value] = macro.Groups["text"].Value;
                break;
            default:
                break;
        }
    }

    private static Condition Begin(bool holds) => new(holds, holds);

    private static Condition Pop(Stack<Condition> open) => open.TryPop(out Condition condition) ? condition : throw new ImageException("an #else or #endif without its #if");

    private bool Test(string directive, string rest) => directive switch
    {
        "ifdef" => IsDefined(rest),
        "ifndef" => !IsDefined(rest),
        // A name that stands for nothing is 0 there.
        _ => HeaderExpression.Evaluate(rest, name => TryGetMacro(name, out long value) ? value : 0, IsDefined) != 0,
    };

    private bool IsDefined(string name) => TryGetMacroText(name, out _);

    private bool TryGetMacroText(string name, [NotNullWhen(true)] out string? text) => _macros.TryGetValue(name, out text) || (text = configuration.Macro(name)) is not null;

    private void AddEnumerations(string text)
    {
        foreach (Match enumeration in Enumeration().Matches(text))
        {
            // C 6.7.2.2: the first is 0, each that has no value of its own is one more than the one before.
            string start = "0";
            long offset = 0;
            foreach (string entry in enumeration.Groups["body"].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                if (EnumeratorEntry().Match(entry) is not { Success: true } match)
                {
                    // A macro that makes an enumerator: what follows it without a value of its own has none that is known here.
                    start = entry;
                    continue;
                }

                if (match.Groups["value"] is { Success: true } value)
                {
                    start = value.Value;
                    offset = 0;
                }

                _enumerators[match.Groups["name"].Value] = new Enumerator(start, offset++);
            }
        }
    }

    private long ValueOf(string name) =>
        TryGetEnumerator(name, out long value) || TryGetMacro(name, out value) ? value : throw new ImageException($"no header says what {name} is");

    private long Evaluate(string name, string text)
    {
        if (_evaluating.Count == DeepestReference || !_evaluating.Add(name))
        {
            throw new ImageException($"{name} is defined by itself, or by too many others");
        }

        try
        {
            return HeaderExpression.Evaluate(text, ValueOf, IsDefined);
        }
        finally
        {
            _evaluating.Remove(name);
        }
    }

    [GeneratedRegex(@"/\*.*?\*/|//[^\n]*", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"^\s*#\s*(?<name>\w+)(?<rest>.*)$")]
    private static partial Regex Directive();

    [GeneratedRegex(@"^(?<name>\w+)\s+(?<text>\S.*)$")]
    private static partial Regex Definition();

    [GeneratedRegex(@"\benum\b[^;{}]*\{(?<body>[^}]*)\}")]
    private static partial Regex Enumeration();

    [GeneratedRegex(@"^(?<name>[A-Za-z_]\w*)\s*(=\s*(?<value>.+))?$", RegexOptions.Singleline)]
    private static partial Regex EnumeratorEntry();

    /// <summary>A condition that is open: whether the text here is in, and whether this or an earlier branch was.</summary>
    private readonly record struct Condition(bool Holds, bool WasTaken);

    /// <param name="Start">Expression of the last value given, by this enumerator or one before it.</param>
    /// <param name="Offset">How far behind that this one stands.</param>
    private readonly record struct Enumerator(string Start, long Offset);
}
