namespace Makatea.Sel4;

/// <summary>A message with text: a word with the number of its bytes, then the bytes.</summary>
internal static class TextMessage
{
    /// <summary>Most bytes in one.</summary>
    internal const int MaxBytes = 118 * WordLength;

    private const int WordLength = 8;

    /// <summary>Bytes of text that a message really has. What its sender claims beyond its words would be others' text, that came before.</summary>
    /// <param name="claimed">Its first word.</param>
    /// <param name="words">Words of the message.</param>
    /// <returns>-1 where it is none.</returns>
    internal static int Length(ulong claimed, int words)
    {
        if (words < 1)
        {
            return -1;
        }

        ulong most = (ulong)(words - 1) * WordLength;
        most = most > MaxBytes ? MaxBytes : most;
        return (int)(claimed > most ? most : claimed);
    }
}
