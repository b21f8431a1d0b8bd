namespace Makatea.Systems;

/// <summary>A node of a YAML document, with its place. A node that is referred to by aliases is shared.</summary>
internal abstract class YamlValue(SourceMark mark)
{
    /// <summary>Where it starts.</summary>
    public SourceMark Mark { get; } = mark;

    /// <summary>Number of nodes in it, shared ones counted each time.</summary>
    public int Weight { get; protected set; } = 1;

    /// <summary>What it is, as an error message says it.</summary>
    public abstract string Describe();
}

/// <summary>How a scalar resolves under YAML 1.2's core schema (section 10.3.2).</summary>
internal enum YamlScalarKind
{
    /// <summary>Text, quoted or not.</summary>
    Text,

    /// <summary>Nothing, <c>null</c> or <c>~</c>.</summary>
    Null,

    /// <summary><c>true</c> or <c>false</c>.</summary>
    Boolean,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>Another number.</summary>
    Float,
}

/// <summary>A scalar.</summary>
internal sealed class YamlScalar(SourceMark mark, string text, YamlScalarKind kind) : YamlValue(mark)
{
    private const int Shown = 60;

    /// <summary>As written, without quotes.</summary>
    public string Text { get; } = text;

    /// <summary>What it resolves to.</summary>
    public YamlScalarKind Kind { get; } = kind;

    public override string Describe() => Kind switch
    {
        YamlScalarKind.Null => "nothing",
        YamlScalarKind.Integer or YamlScalarKind.Float => $"the number {Cut(Text)}",
        _ => Text.Length == 0 ? "an empty text" : $"'{Cut(Text)}'",
    };

    private static string Cut(string text)
    {
        string shown = text.Length > Shown ? text[..Shown] + "..." : text;
        return string.Create(shown.Length, shown, static (span, s) =>
        {
            for (int i = 0; i < s.Length; i++)
            {
                span[i] = char.IsControl(s[i]) || char.IsSurrogate(s[i]) ? '?' : s[i];
            }
        });
    }
}

/// <summary>A list.</summary>
internal sealed class YamlSequence(SourceMark mark) : YamlValue(mark)
{
    private readonly List<YamlValue> _items = [];

    /// <summary>Its items.</summary>
    public IReadOnlyList<YamlValue> Items => _items;

    /// <summary>Appends an item that is complete.</summary>
    public void Add(YamlValue item)
    {
        _items.Add(item);
        Weight += item.Weight;
    }

    public override string Describe() => "a list";
}

/// <summary>A mapping; keys are scalars, each there once, in the order of the file.</summary>
internal sealed class YamlMapping(SourceMark mark) : YamlValue(mark)
{
    private readonly OrderedDictionary<string, (YamlScalar Key, YamlValue Value)> _entries = new(StringComparer.Ordinal);

    /// <summary>Its entries.</summary>
    public IReadOnlyCollection<(YamlScalar Key, YamlValue Value)> Entries => _entries.Values;

    /// <summary>Adds an entry that is complete.</summary>
    /// <returns>False where the key is there already; then nothing changed.</returns>
    public bool TryAdd(YamlScalar key, YamlValue value)
    {
        if (!_entries.TryAdd(key.Text, (key, value)))
        {
            return false;
        }

        Weight += 1 + value.Weight;
        return true;
    }

    /// <summary>Where a key was written.</summary>
    public SourceMark MarkOf(string key) => _entries[key].Key.Mark;

    public override string Describe() => "a mapping";
}
