namespace Makatea.Systems;

/// <summary>At what stage an error was found.</summary>
internal enum SystemFileErrorKind
{
    /// <summary>It is no YAML, or uses of YAML what system files do not.</summary>
    Syntax,

    /// <summary>It breaks what the JSON schema says.</summary>
    Structure,

    /// <summary>It fits the schema but cannot be meant: names that nothing has, files that are not there.</summary>
    Meaning,
}

/// <summary>One error.</summary>
internal readonly record struct SystemFileError(SystemFileErrorKind Kind, SourceMark Mark, string Message);

/// <summary>Collects the errors of a file.</summary>
internal sealed class SystemFileErrors
{
    private readonly List<SystemFileError> _errors = [];

    /// <summary>Whether there are any.</summary>
    public bool Any => _errors.Count != 0;

    /// <summary>Errors in the order of the file.</summary>
    public IReadOnlyList<SystemFileError> All => [.. _errors.OrderBy(e => e.Mark.Line).ThenBy(e => e.Mark.Column)];

    /// <summary>It is no YAML.</summary>
    public void Syntax(SourceMark mark, string message) => _errors.Add(new(SystemFileErrorKind.Syntax, mark, message));

    /// <summary>It breaks the schema.</summary>
    public void Structure(SourceMark mark, string message) => _errors.Add(new(SystemFileErrorKind.Structure, mark, message));

    /// <summary>It cannot be meant.</summary>
    public void Meaning(SourceMark mark, string message) => _errors.Add(new(SystemFileErrorKind.Meaning, mark, message));
}
