using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;

namespace Makatea.NetStack;

/// <summary>Messages on a connection: each behind its length in two bytes ([RFC 7766] 8).</summary>
internal static class DnsStream
{
    private const int LengthBytes = 2;

    /// <summary>Reads a message.</summary>
    /// <returns>Null where the connection ended, or the message is longer than allowed.</returns>
    internal static async ValueTask<byte[]?> ReadAsync(PipeReader reader, int maximum)
    {
        while (true)
        {
            ReadResult result = await reader.ReadAsync().ConfigureAwait(false);
            bool isWhole = TryRead(result.Buffer, maximum, out byte[]? message, out SequencePosition end);
            reader.AdvanceTo(isWhole ? end : result.Buffer.Start, isWhole ? end : result.Buffer.End);
            if (isWhole || result.IsCompleted)
            {
                return message;
            }
        }
    }

    internal static async ValueTask WriteAsync(PipeWriter writer, ReadOnlyMemory<byte> message)
    {
        BinaryPrimitives.WriteUInt16BigEndian(writer.GetSpan(LengthBytes), (ushort)message.Length);
        writer.Advance(LengthBytes);
        await writer.WriteAsync(message).ConfigureAwait(false);
    }

    // True with no message where it is too long.
    private static bool TryRead(in ReadOnlySequence<byte> buffer, int maximum, out byte[]? message, out SequencePosition end)
    {
        message = null;
        end = buffer.End;
        Span<byte> prefix = stackalloc byte[LengthBytes];
        if (buffer.Length < LengthBytes)
        {
            return false;
        }

        buffer.Slice(0, LengthBytes).CopyTo(prefix);
        int length = BinaryPrimitives.ReadUInt16BigEndian(prefix);
        if (length > maximum)
        {
            return true;
        }

        if (buffer.Length < LengthBytes + length)
        {
            return false;
        }

        ReadOnlySequence<byte> body = buffer.Slice(LengthBytes, length);
        (message, end) = (body.ToArray(), body.End);
        return true;
    }
}
