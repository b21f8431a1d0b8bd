namespace Makatea.Sel4;

/// <summary>Names of writers, by their numbers: the console's arguments behind its own name, each ended by a zero.</summary>
internal readonly unsafe struct WriterNames
{
    private readonly byte* _arguments;
    private readonly ulong _length;

    internal WriterNames(byte* arguments, ulong length)
    {
        _arguments = arguments;
        _length = length;
    }

    /// <summary>A name.</summary>
    /// <param name="number">The writer's.</param>
    /// <param name="length">Bytes of it; 0 where there is none.</param>
    internal byte* Find(ulong number, out int length)
    {
        ulong skip = number + 1;
        ulong start = 0;
        for (ulong at = 0; at < _length; at++)
        {
            if (_arguments[at] != 0)
            {
                continue;
            }

            if (skip == 0)
            {
                length = (int)(at - start);
                return _arguments + start;
            }

            skip--;
            start = at + 1;
        }

        length = 0;
        return _arguments;
    }
}
