namespace Makatea.Sel4;

/// <summary>
/// What one writer has said of a line that it did not end yet. What it says is nobody's but its own to answer for: it reaches the terminal as text alone, never as what moves the cursor or passes for
/// another's line.
/// </summary>
internal unsafe struct LineBuffer
{
    /// <summary>Longer lines are several.</summary>
    internal const int Capacity = 248;

    private const byte Replacement = (byte)'?';

    // Of the control characters from U+0080 to U+009F in UTF-8: this, and one from 80 to 9f.
    private const byte ControlLead = 0xc2;

    private fixed byte _text[Capacity];
    private int _length;

    /// <summary>Bytes of it.</summary>
    internal readonly int Length => _length;

    /// <summary>A byte of it.</summary>
    internal readonly byte this[int index] => _text[index];

    /// <summary>Takes a byte.</summary>
    /// <returns>Whether it is a line now: it was ended, or there is no room for more.</returns>
    internal bool Add(byte value)
    {
        switch (value)
        {
            case (byte)'\n':
                return true;
            case (byte)'\r':
                return false;
            case (byte)'\t':
                value = (byte)' ';
                break;
            case < 0x20 or 0x7f:
                value = Replacement;
                break;
            case >= 0x80 and <= 0x9f when _length > 0 && _text[_length - 1] == ControlLead:
                _text[_length - 1] = Replacement;
                return false;
        }

        _text[_length++] = value;

        // A character of several bytes stays whole, and so does what is looked at together.
        return _length == Capacity || (_length > Capacity - 4 && value < 0x80);
    }

    /// <summary>Starts anew.</summary>
    internal void Clear() => _length = 0;
}
