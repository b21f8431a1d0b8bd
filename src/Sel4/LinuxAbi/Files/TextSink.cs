namespace Makatea.Sel4.LinuxAbi;

/// <summary>Takes the part of a text that a reader asked for: all before its offset and after its buffer is dropped.</summary>
internal unsafe struct TextSink
{
    private readonly byte* _target;
    private readonly ulong _length;
    private ulong _skip;

    internal TextSink(byte* target, ulong offset, ulong length)
    {
        _target = target;
        _length = length;
        _skip = offset;
        Taken = 0;
    }

    /// <summary>Bytes that were written to the buffer.</summary>
    internal ulong Taken { get; private set; }

    internal void Put(byte character)
    {
        if (_skip != 0)
        {
            _skip--;
        }
        else if (Taken < _length)
        {
            _target[Taken++] = character;
        }
    }

    internal void Text(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            Put((byte)text[i]);
        }
    }

    internal void Number(ulong value, uint numberBase = 10, int digits = 1)
    {
        if (value >= numberBase || digits > 1)
        {
            Number(value / numberBase, numberBase, digits - 1);
        }

        Put((byte)"0123456789abcdef"[(int)(value % numberBase)]);
    }
}
