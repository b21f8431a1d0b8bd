using System.Text;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Makatea.Systems;

/// <summary>
/// Reads one YAML document into nodes that know their place. Works on YamlDotNet's events, because its own tree recurses as deep as the
/// file nests, which a file can make as deep as it likes; here depth, size and what aliases multiply are bounded.
/// </summary>
internal sealed partial class YamlDocumentReader
{
    private const int MaxBytes = 1 << 20;
    private const int MaxDepth = 32;
    private const int MaxWeight = 100_000;
    private static readonly UTF8Encoding _strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Parser _parser;
    private readonly SystemFileErrors _errors;
    private readonly Dictionary<string, YamlValue?> _anchors = new(StringComparer.Ordinal);

    private SourceMark _last = new(1, 1);

    private YamlDocumentReader(string text, SystemFileErrors errors)
    {
        _parser = new Parser(new Scanner(new StringReader(text), skipComments: true));
        _errors = errors;
    }

    /// <summary>Reads a file's bytes.</summary>
    /// <returns>The document's root, or null where it is no YAML; then an error says so.</returns>
    public static YamlValue? Read(ReadOnlySpan<byte> utf8, SystemFileErrors errors)
    {
        if (utf8.Length > MaxBytes)
        {
            errors.Syntax(new(1, 1), $"the file has {utf8.Length} bytes, expected at most {MaxBytes}");
            return null;
        }

        YamlDocumentReader? reader = null;
        try
        {
            string text = _strictUtf8.GetString(utf8);
            reader = new YamlDocumentReader(text.StartsWith('\uFEFF') ? text[1..] : text, errors);
            return reader.ReadDocument();
        }
        catch (DecoderFallbackException e)
        {
            errors.Syntax(MarkOf(utf8[..Math.Clamp(e.Index, 0, utf8.Length)]), "found bytes that are no UTF-8, expected text in UTF-8");
        }
        catch (YamlException e)
        {
            errors.Syntax(MarkOf(e.Start), $"found no valid YAML: {e.Message.TrimEnd('.')}");
        }
        catch (InvalidOperationException)
        {
            // YamlDotNet's scanner says no more of some malformed text.
            errors.Syntax(reader!._last, "found no valid YAML after this place");
        }
        catch (RefusedException e)
        {
            errors.Syntax(e.Mark, e.Message);
        }

        return null;
    }

    private YamlValue ReadDocument()
    {
        _parser.Consume<StreamStart>();
        if (_parser.TryConsume<StreamEnd>(out StreamEnd? end))
        {
            throw new RefusedException(MarkOf(end.Start), "found an empty file, expected a system");
        }

        _parser.Consume<DocumentStart>();
        YamlValue root = ReadNode(0);
        _parser.Consume<DocumentEnd>();
        if (_parser.TryConsume<DocumentStart>(out DocumentStart? second))
        {
            throw new RefusedException(MarkOf(second.Start), "found a second document, expected one");
        }

        return root;
    }

    private YamlValue ReadNode(int depth)
    {
        ParsingEvent e = _parser.Consume<ParsingEvent>();
        SourceMark mark = MarkOf(e.Start);
        _last = mark;
        if (depth > MaxDepth)
        {
            throw new RefusedException(mark, $"found more than {MaxDepth} levels inside each other, expected fewer");
        }

        if (e is AnchorAlias alias)
        {
            return _anchors.TryGetValue(alias.Value.Value, out YamlValue? target)
                ? target ?? throw new RefusedException(mark, $"found '*{alias.Value}' inside of '&{alias.Value}', expected no cycle")
                : throw new RefusedException(mark, $"found '*{alias.Value}', but no '&{alias.Value}' before it{NearestName.Hint(alias.Value.Value, _anchors.Keys)}");
        }

        if (e is not NodeEvent node)
        {
            throw new RefusedException(mark, "found no valid YAML: a value is missing");
        }

        if (!node.Tag.IsEmpty)
        {
            throw new RefusedException(mark, $"found the tag '{node.Tag}', expected none");
        }

        string? anchor = node.Anchor.IsEmpty ? null : node.Anchor.Value;
        if (anchor is not null)
        {
            _anchors[anchor] = null;
        }

        YamlValue value = node switch
        {
            Scalar scalar => new YamlScalar(mark, scalar.Value, Resolve(scalar)),
            SequenceStart => ReadSequence(mark, depth),
            _ => ReadMapping(mark, depth),
        };
        if (value.Weight > MaxWeight)
        {
            throw new RefusedException(mark, $"found more than {MaxWeight} values with all aliases followed, expected fewer");
        }

        if (anchor is not null)
        {
            _anchors[anchor] = value;
        }

        return value;
    }

    private YamlSequence ReadSequence(SourceMark mark, int depth)
    {
        var sequence = new YamlSequence(mark);
        while (!_parser.TryConsume<SequenceEnd>(out _))
        {
            sequence.Add(ReadNode(depth + 1));
            CheckWeight(sequence);
        }

        return sequence;
    }

    private YamlMapping ReadMapping(SourceMark mark, int depth)
    {
        var mapping = new YamlMapping(mark);
        var merges = new List<YamlMapping>();
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            YamlValue key = ReadNode(depth + 1);
            YamlValue value = ReadNode(depth + 1);
            if (key is not YamlScalar name)
            {
                _errors.Syntax(key.Mark, $"found {key.Describe()} as a key, expected a name");
            }
            else if (name.Text == "<<")
            {
                CollectMerges(value, merges);
            }
            else if (!mapping.TryAdd(name, value))
            {
                _errors.Syntax(name.Mark, $"found the key {name.Describe()} again, expected it once; it is in line {mapping.MarkOf(name.Text).Line} already");
            }

            CheckWeight(mapping);
        }

        // Merge keys (https://yaml.org/type/merge.html): what is written in the mapping itself wins, then the first merged.
        foreach ((YamlScalar key, YamlValue value) in merges.SelectMany(m => m.Entries))
        {
            mapping.TryAdd(key, value);
            CheckWeight(mapping);
        }

        return mapping;
    }

    private void CollectMerges(YamlValue value, List<YamlMapping> merges)
    {
        foreach (YamlValue item in value is YamlSequence list ? list.Items : [value])
        {
            if (item is YamlMapping mapping)
            {
                merges.Add(mapping);
            }
            else
            {
                _errors.Syntax(item.Mark, $"'<<' is {item.Describe()}, expected a mapping such as *alias");
            }
        }
    }

    private static void CheckWeight(YamlValue value)
    {
        if (value.Weight > MaxWeight)
        {
            throw new RefusedException(value.Mark, $"found more than {MaxWeight} values with all aliases followed, expected fewer");
        }
    }

    private static YamlScalarKind Resolve(Scalar scalar) => scalar.Style != ScalarStyle.Plain
        ? YamlScalarKind.Text
        : scalar.Value switch
        {
            "" or "~" or "null" or "Null" or "NULL" => YamlScalarKind.Null,
            "true" or "True" or "TRUE" or "false" or "False" or "FALSE" => YamlScalarKind.Boolean,
            string text when Integer().IsMatch(text) => YamlScalarKind.Integer,
            string text when Float().IsMatch(text) => YamlScalarKind.Float,
            _ => YamlScalarKind.Text,
        };

    private static SourceMark MarkOf(Mark mark) => new((int)Math.Max(1, mark.Line), (int)Math.Max(1, mark.Column));

    private static SourceMark MarkOf(ReadOnlySpan<byte> before) =>
        new(1 + before.Count((byte)'\n'), before.Length - before.LastIndexOf((byte)'\n'));

    [GeneratedRegex(@"^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Integer();

    [GeneratedRegex(@"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\z", RegexOptions.CultureInvariant)]
    private static partial Regex Float();

    private sealed class RefusedException(SourceMark mark, string message) : Exception(message)
    {
        public SourceMark Mark { get; } = mark;
    }
}
