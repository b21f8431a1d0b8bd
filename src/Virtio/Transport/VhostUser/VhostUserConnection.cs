using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>Cuts the stream of a channel into messages and puts replies together.</summary>
internal sealed class VhostUserConnection(MessageChannel channel)
{
    private readonly byte[] _header = new byte[VhostUserHeader.Length];

    /// <summary>Waits for a whole message.</summary>
    /// <returns>False where the front end closed the channel between messages.</returns>
    /// <exception cref="VhostUserProtocolException">The header is wrong, or the channel was closed within a message.</exception>
    /// <exception cref="IOException">The channel failed.</exception>
    public bool TryReceive(VhostUserMessage message)
    {
        // Never more than this message: grants come with the first byte of the message that they belong to.
        if (!TryFill(_header, message, mayEnd: true))
        {
            return false;
        }

        VhostUserHeader header = MemoryMarshal.Read<VhostUserHeader>(_header);
        if ((header.Flags & ~VhostUserHeader.NeedReply) != VhostUserHeader.Version)
        {
            throw new VhostUserProtocolException(
                $"{VhostUserRequestTable.NameOf(header.Request)} has flags 0x{header.Flags:x}; allowed is version 1, with or without need_reply");
        }

        if (header.Size > VhostUserMessage.MaxPayload)
        {
            throw new VhostUserProtocolException(
                $"{VhostUserRequestTable.NameOf(header.Request)} has a payload of {header.Size} bytes; allowed are {VhostUserMessage.MaxPayload}");
        }

        message.Header = header;
        TryFill(message.Payload, message, mayEnd: false);
        return true;
    }

    /// <summary>Sends a reply.</summary>
    /// <exception cref="IOException">The front end is gone or does not read.</exception>
    public void Reply(uint request, ReadOnlySpan<byte> payload, Grant? grant)
    {
        Span<byte> buffer = stackalloc byte[VhostUserHeader.Length + VhostUserConfigHeader.Length + VhostUserConfigHeader.MaxConfig];
        Span<byte> whole = payload.Length <= buffer.Length - VhostUserHeader.Length
            ? buffer[..(VhostUserHeader.Length + payload.Length)]
            : new byte[VhostUserHeader.Length + payload.Length];
        VhostUserHeader header = new(request, VhostUserHeader.Version | VhostUserHeader.Reply, (uint)payload.Length);
        MemoryMarshal.Write(whole, in header);
        payload.CopyTo(whole[VhostUserHeader.Length..]);
        channel.Send(whole, grant is null ? [] : [grant]);
    }

    private bool TryFill(Span<byte> buffer, VhostUserMessage message, bool mayEnd)
    {
        for (int filled = 0; filled < buffer.Length;)
        {
            int received = channel.Receive(buffer[filled..], message.Grants);
            if (message.Grants.Count > MessageChannel.MaxGrants)
            {
                throw new VhostUserProtocolException(
                    $"{message.Grants.Count} descriptors came with one message; allowed are {MessageChannel.MaxGrants}");
            }

            if (received == 0)
            {
                return mayEnd && filled == 0
                    ? false
                    : throw new VhostUserProtocolException($"the channel ended within a message: {filled} bytes of {buffer.Length}");
            }

            filled += received;
        }

        return true;
    }
}
