using System.Runtime.InteropServices;

namespace Makatea.Qemu;

/// <summary>Copies a console as it comes and looks for text in its lines. What the kernel says before it starts the root task is hundreds of lines: it is kept, and shown where nothing comes after it.</summary>
/// <param name="output">Where it goes.</param>
/// <param name="until">What to look for; null for nothing.</param>
/// <param name="showsKernel">Shows the kernel's lines, too.</param>
internal sealed class ConsoleWatch(Stream output, byte[]? until, bool showsKernel)
{
    private const int LongestLine = 4096;
    private readonly List<byte> _line = [];
    private readonly MemoryStream _kept = new();
    private bool _isKernel = !showsKernel;
    private bool _isMidLine;

    private ReadOnlySpan<byte> Line => CollectionsMarshal.AsSpan(_line);

    /// <summary>A line has the text.</summary>
    public bool IsFound { get; private set; }

    /// <summary>Copies what came.</summary>
    /// <returns>Whether the line that has the text is whole now.</returns>
    public bool Take(ReadOnlySpan<byte> bytes)
    {
        bool isWhole = false;
        int start = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != '\n' && bytes[i] != '\r' && _line.Count < LongestLine)
            {
                _line.Add(bytes[i]);
                IsFound |= until is not null && Line.EndsWith(until);
            }

            // The kernel's last line, or the root task's first, of a kernel that says nothing.
            bool isLast = Line.StartsWith("Booting all finished"u8) && bytes[i] == '\n';
            if (_isKernel && (isLast || Line.SequenceEqual("makatea: "u8)))
            {
                _isKernel = false;
                _kept.SetLength(0);
                start = i + 1;
                if (!isLast)
                {
                    output.Write(Line);
                }
            }

            if (bytes[i] is (byte)'\n' or (byte)'\r')
            {
                isWhole |= IsFound;
                _line.Clear();
            }
        }

        (_isKernel ? _kept : output).Write(bytes[start..]);
        _isMidLine = bytes.Length == 0 ? _isMidLine : bytes[^1] != '\n';
        output.Flush();
        return isWhole;
    }

    /// <summary>Shows what was kept, where nothing came after it; ends the line that was begun, so that what is said next has one of its own.</summary>
    public void End()
    {
        _kept.WriteTo(output);
        output.Write(_isMidLine ? "\n"u8 : []);
        output.Flush();
    }
}
