using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// A message of vhost-user (section "Message Specification"): le32 request, le32 flags, le32 size, then the payload. Numbers are in the machine's byte order,
/// which is little-endian here.
/// </summary>
/// <param name="Request">Its type.</param>
/// <param name="Flags">Bits 0 and 1 version, bit 2 reply, bit 3 reply wanted.</param>
/// <param name="Payload">What follows the header.</param>
/// <param name="Grants">What came with it; whoever holds the message disposes them.</param>
public sealed record VhostUserFrame(uint Request, uint Flags, byte[] Payload, IReadOnlyList<Grant> Grants)
{
    /// <summary>Length of the header in bytes.</summary>
    public const int HeaderLength = 12;

    /// <summary>The only version there is.</summary>
    public const uint Version = 1;

    /// <summary>Set in a reply.</summary>
    public const uint ReplyFlag = 1 << 2;

    /// <summary>Asks for a reply (section "VHOST_USER_PROTOCOL_F_REPLY_ACK").</summary>
    public const uint NeedReplyFlag = 1 << 3;

    private const int MaxPayload = 64 * 1024;

    /// <summary>The payload as one 64-bit number.</summary>
    /// <exception cref="VhostUserException">It is not 8 bytes long.</exception>
    public ulong ToUInt64() => Payload.Length == 8
        ? BinaryPrimitives.ReadUInt64LittleEndian(Payload)
        : throw new VhostUserException($"the reply to request {Request} has {Payload.Length} bytes; 8 are due");

    /// <summary>Sends a message.</summary>
    /// <exception cref="IOException">The peer is gone.</exception>
    public static void Send(MessageChannel channel, uint request, uint flags, ReadOnlySpan<byte> payload, ReadOnlySpan<Grant> grants)
    {
        byte[] message = new byte[HeaderLength + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(message, request);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), flags);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), (uint)payload.Length);
        payload.CopyTo(message.AsSpan(HeaderLength));
        channel.Send(message, grants);
    }

    /// <summary>Waits for a message.</summary>
    /// <returns>Null where the peer closed the channel between messages.</returns>
    /// <exception cref="VhostUserException">The peer closed it within one, or the message is longer than any can be.</exception>
    /// <exception cref="IOException">The channel failed.</exception>
    public static VhostUserFrame? Receive(MessageChannel channel)
    {
        List<Grant> grants = [];
        byte[] header = new byte[HeaderLength];
        if (!Fill(channel, header, grants, isStart: true))
        {
            return null;
        }

        uint size = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
        if (size > MaxPayload)
        {
            throw new VhostUserException($"a message announces {size} bytes; at most {MaxPayload} are taken");
        }

        byte[] payload = new byte[size];
        Fill(channel, payload, grants, isStart: false);
        return new VhostUserFrame(
            BinaryPrimitives.ReadUInt32LittleEndian(header), BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)), payload, grants);
    }

    private static bool Fill(MessageChannel channel, Span<byte> buffer, List<Grant> grants, bool isStart)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            int received = channel.Receive(buffer[done..], grants);
            if (received == 0)
            {
                return isStart && done == 0
                    ? false
                    : throw new VhostUserException($"the peer closed the channel {done} bytes into {buffer.Length} of a message");
            }

            done += received;
        }

        return true;
    }
}
