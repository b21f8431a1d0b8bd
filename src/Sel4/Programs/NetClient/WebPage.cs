using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;

namespace Makatea.Sel4.Programs;

/// <summary>A page as a server gave it by HTTP/1.0 ([RFC 1945]).</summary>
/// <param name="Status">Status of the answer, such as 200.</param>
/// <param name="Length">Bytes of the body.</param>
/// <param name="Check">FNV-1a of the body, 64 bits: what the host compares.</param>
internal sealed record WebPage(int Status, long Length, ulong Check)
{
    private const int LongestHead = 16 << 10;
    private const ulong FnvBasis = 0xcbf2_9ce4_8422_2325;
    private const ulong FnvPrime = 0x100_0000_01b3;

    /// <summary>Asks for a page over a connection that was opened for it, and reads all of it.</summary>
    /// <exception cref="InvalidDataException">What came is no page, or less of it than its head says.</exception>
    public static async Task<WebPage> FetchAsync(IDuplexPipe connection, string host, string path)
    {
        await connection.Output.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")).ConfigureAwait(false);
        string head = await ReadHeadAsync(connection.Input).ConfigureAwait(false);
        long length = 0;
        ulong check = FnvBasis;
        ReadResult read;
        do
        {
            read = await connection.Input.ReadAsync().ConfigureAwait(false);
            foreach (ReadOnlyMemory<byte> piece in read.Buffer)
            {
                length += piece.Length;
                check = Add(check, piece.Span);
            }

            connection.Input.AdvanceTo(read.Buffer.End);
        }
        while (!read.IsCompleted);
        await connection.Input.CompleteAsync().ConfigureAwait(false);
        await connection.Output.CompleteAsync().ConfigureAwait(false);
        return LengthIn(head) is { } announced && announced != length
            ? throw new InvalidDataException($"{length} bytes of {announced} of {path} came")
            : new WebPage(StatusIn(head), length, check);
    }

    /// <summary>Reads up to the empty line, and past it.</summary>
    private static async Task<string> ReadHeadAsync(PipeReader input)
    {
        while (true)
        {
            ReadResult read = await input.ReadAsync().ConfigureAwait(false);
            byte[] bytes = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, LongestHead)).ToArray();
            int end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                input.AdvanceTo(read.Buffer.GetPosition(end + 4));
                return Encoding.ASCII.GetString(bytes, 0, end);
            }

            if (read.IsCompleted || bytes.Length == LongestHead)
            {
                throw new InvalidDataException($"an answer without a head: {bytes.Length} bytes");
            }

            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static int StatusIn(string head)
    {
        string[] words = head.Split(' ', 3);
        return words.Length > 1 && words[0].StartsWith("HTTP/1.", StringComparison.Ordinal) && int.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out int status)
            ? status
            : throw new InvalidDataException("an answer that is none of HTTP");
    }

    private static long? LengthIn(string head)
    {
        const string Field = "content-length:";
        foreach (string line in head.Split("\r\n"))
        {
            if (line.StartsWith(Field, StringComparison.OrdinalIgnoreCase) && long.TryParse(line.AsSpan(Field.Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long length))
            {
                return length;
            }
        }

        return null;
    }

    private static ulong Add(ulong check, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            check = (check ^ value) * FnvPrime;
        }

        return check;
    }
}
