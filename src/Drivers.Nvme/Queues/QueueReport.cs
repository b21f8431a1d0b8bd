namespace Makatea.Drivers.Nvme;

/// <summary>What a queue's thread noticed and leaves to the watchdog; one word, so that it passes between threads whole.</summary>
/// <param name="Kind">What.</param>
/// <param name="CommandId">Which command.</param>
internal readonly record struct QueueReport(QueueReportKind Kind, ushort CommandId)
{
    internal int ToWord() => ((int)Kind << 16) | CommandId;

    internal static QueueReport FromWord(int word) => new((QueueReportKind)(word >> 16), (ushort)word);
}

/// <summary>Kinds of <see cref="QueueReport"/>, by how bad they are.</summary>
internal enum QueueReportKind
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A command took too long and is to be aborted.</summary>
    Late,

    /// <summary>Nor did it end after that.</summary>
    Stuck,

    /// <summary>A completion of nothing that is outstanding.</summary>
    Violation,
}
