namespace Makatea.Sel4;

/// <summary>Where bytes go.</summary>
internal interface IBytePort
{
    /// <summary>Writes one.</summary>
    void Write(byte value);
}

/// <summary>Writes lines, each behind the name of who said it.</summary>
internal static unsafe class LineWriter
{
    /// <summary>Takes what somebody said.</summary>
    /// <param name="port">Where lines go.</param>
    /// <param name="line">What it said before, of a line that it did not end.</param>
    /// <param name="name">Its name.</param>
    /// <param name="nameLength">Bytes of the name.</param>
    /// <param name="text">What it says.</param>
    /// <param name="length">How many bytes; 0 ends the line, where one was begun.</param>
    internal static void Take<TPort>(ref TPort port, ref LineBuffer line, byte* name, int nameLength, byte* text, int length)
        where TPort : struct, IBytePort
    {
        for (int i = 0; i < length; i++)
        {
            if (line.Add(text[i]))
            {
                Write(ref port, ref line, name, nameLength);
            }
        }

        if (length == 0 && line.Length > 0)
        {
            Write(ref port, ref line, name, nameLength);
        }
    }

    private static void Write<TPort>(ref TPort port, ref LineBuffer line, byte* name, int nameLength)
        where TPort : struct, IBytePort
    {
        for (int i = 0; i < nameLength; i++)
        {
            port.Write(name[i]);
        }

        port.Write((byte)':');
        port.Write((byte)' ');
        for (int i = 0; i < line.Length; i++)
        {
            port.Write(line[i]);
        }

        port.Write((byte)'\r');
        port.Write((byte)'\n');
        line.Clear();
    }
}
