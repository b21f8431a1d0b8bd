using System.Buffers.Text;
using System.Text;

namespace Makatea.Platform.Linux;

/// <summary>
/// QEMU's qtest protocol: a line such as <c>readl 0xfebf0000</c> is an access to the machine's memory or ports, answered by <c>OK 0x0000000000000001</c>. A round trip each,
/// from any thread.
/// </summary>
internal sealed class QtestConnection(LineSocket lines, Func<Exception, IOException> explain) : IDisposable
{
    private readonly Lock _lock = new();

    /// <summary>Does one access.</summary>
    /// <param name="command">Name of the access and a space.</param>
    /// <param name="address">Address in memory, or port.</param>
    /// <param name="value">What to write; null to read.</param>
    /// <returns>What was read.</returns>
    /// <exception cref="IOException">QEMU ended, hung, or refused.</exception>
    internal ulong Access(ReadOnlySpan<byte> command, ulong address, ulong? value)
    {
        Span<byte> line = stackalloc byte[64];
        command.CopyTo(line);
        int length = command.Length;
        length += Hex(line[length..], address);
        if (value is { } written)
        {
            line[length++] = (byte)' ';
            length += Hex(line[length..], written);
        }

        line[length++] = (byte)'\n';
        lock (_lock)
        {
            try
            {
                lines.Send(line[..length]);
                return Parse(lines.ReceiveLine(), value is null);
            }
            catch (Exception e) when (e is EndOfStreamException or IOException or TimeoutException or ObjectDisposedException)
            {
                throw explain(e);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => lines.Dispose();

    private static int Hex(Span<byte> to, ulong number)
    {
        "0x"u8.CopyTo(to);
        Utf8Formatter.TryFormat(number, to[2..], out int written, 'x');
        return 2 + written;
    }

    private static ulong Parse(ReadOnlySpan<byte> answer, bool hasValue)
    {
        const int Prefix = 5; // "OK 0x"
        return !answer.StartsWith("OK"u8) ? throw new IOException($"it answered '{Encoding.ASCII.GetString(answer)}'")
            : !hasValue ? 0
            : answer.Length > Prefix && Utf8Parser.TryParse(answer[Prefix..], out ulong value, out _, 'x') ? value
            : throw new IOException($"it answered '{Encoding.ASCII.GetString(answer)}' to a read");
    }
}
