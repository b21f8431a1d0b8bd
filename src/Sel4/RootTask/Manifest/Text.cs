namespace Makatea.Sel4;

/// <summary>Bytes in a row: a name, a text, a file.</summary>
internal readonly unsafe struct Text
{
    internal readonly byte* Bytes;
    internal readonly ulong Length;

    internal Text(byte* bytes, ulong length)
    {
        Bytes = bytes;
        Length = length;
    }

    /// <summary>The same bytes.</summary>
    internal bool Is(Text other)
    {
        if (Length != other.Length)
        {
            return false;
        }

        for (ulong i = 0; i < Length; i++)
        {
            if (Bytes[i] != other.Bytes[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The same as an ASCII text.</summary>
    internal bool Is(string text)
    {
        if (Length != (ulong)text.Length)
        {
            return false;
        }

        for (int i = 0; i < text.Length; i++)
        {
            if (Bytes[i] != text[i])
            {
                return false;
            }
        }

        return true;
    }
}
