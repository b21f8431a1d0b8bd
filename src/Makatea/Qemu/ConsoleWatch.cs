namespace Makatea.Qemu;

/// <summary>Copies a console as it comes and looks for text in its lines.</summary>
/// <param name="output">Where it goes.</param>
/// <param name="until">What to look for; null for nothing.</param>
internal sealed class ConsoleWatch(Stream output, byte[]? until)
{
    private const int LongestLine = 4096;
    private readonly List<byte> _line = [];

    /// <summary>Copies what came.</summary>
    /// <returns>Whether a line has the text now.</returns>
    public bool Take(ReadOnlySpan<byte> bytes)
    {
        output.Write(bytes);
        output.Flush();
        if (until is null)
        {
            return false;
        }

        foreach (byte b in bytes)
        {
            if (b is (byte)'\n' or (byte)'\r' || _line.Count == LongestLine)
            {
                _line.Clear();
                continue;
            }

            _line.Add(b);
            if (_line.Count >= until.Length && System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_line).EndsWith(until))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Ends the line that was begun, so that what is said next has one of its own.</summary>
    public void EndLine()
    {
        if (_line.Count != 0)
        {
            output.Write("\n"u8);
            output.Flush();
        }
    }
}
