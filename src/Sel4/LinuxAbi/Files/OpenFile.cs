namespace Makatea.Sel4.LinuxAbi;

/// <summary>An open file: what descriptors refer to, several to the same after a duplication.</summary>
internal struct OpenFile
{
    internal FileKind Kind;

    /// <summary>How it was opened: Linux's O values.</summary>
    internal uint Flags;

    /// <summary>Where it is read next.</summary>
    internal ulong Offset;

    /// <summary>Which of its kind: a <see cref="Node"/>, the number of a grant, a pipe, an eventfd.</summary>
    internal uint Object;

    /// <summary>Descriptors that refer to it; 0 where it is none.</summary>
    internal uint References;

    internal const uint NonBlocking = 0x800;

    internal readonly bool IsNonBlocking => (Flags & NonBlocking) != 0;
}

/// <summary>Kinds of files.</summary>
internal enum FileKind : byte
{
    None,
    Console,
    Null,
    Zero,
    Random,

    /// <summary>A text that says how things are, written when it is read.</summary>
    Text,

    /// <summary>A file of the archive.</summary>
    Archive,
    Directory,
    PipeReader,
    PipeWriter,
    Event,
}
