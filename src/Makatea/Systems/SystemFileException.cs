namespace Makatea.Systems;

/// <summary>A system file was refused. Each line of the message is one error: <c>file:line:column: error: what was found, what was expected</c>.</summary>
internal sealed class SystemFileException(string path, IReadOnlyList<SystemFileError> errors) : Exception(Format(path, errors))
{
    private const int MaxShown = 50;

    /// <summary>The errors in the order of the file.</summary>
    public IReadOnlyList<SystemFileError> Errors { get; } = errors;

    private static string Format(string path, IReadOnlyList<SystemFileError> errors)
    {
        IEnumerable<string> lines = errors.Take(MaxShown).Select(e => $"{path}:{e.Mark.Line}:{e.Mark.Column}: error: {e.Message}");
        if (errors.Count > MaxShown)
        {
            lines = lines.Append($"{path}: error: and {errors.Count - MaxShown} more");
        }

        return string.Join('\n', lines);
    }
}
