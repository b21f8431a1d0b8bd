using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>Configuration space, and the channel on which we tell that it changed.</summary>
internal sealed partial class VhostUserSession
{
    internal VhostUserReply SetBackendRequestFd(VhostUserMessage message)
    {
        using Grant grant = message.TakeGrant();
        MessageChannel channel;
        try
        {
            channel = grant.OpenChannel();
        }
        catch (GrantException e)
        {
            throw new VhostUserProtocolException($"SET_BACKEND_REQ_FD came with a descriptor that is no channel: {e.Message}", e);
        }

        VhostUserBackendChannel? old = _backend;
        _backend = new VhostUserBackendChannel(channel, e => VhostUserLogMessages.BackendChannelFailed(_logger, _device.Name, e.Message));
        old?.Dispose();
        return VhostUserReply.Done;
    }

    /// <summary>
    /// The answer is as long as the question. An answer without payload says that the range is wrong ("VHOST_USER_GET_CONFIG").
    /// </summary>
    internal VhostUserReply GetConfig(VhostUserMessage message)
    {
        VhostUserConfigHeader header = message.Read<VhostUserConfigHeader>();
        if (!IsConfigRange(header, message))
        {
            return VhostUserReply.With([]);
        }

        byte[] payload = new byte[message.Payload.Length];
        message.Payload[..VhostUserConfigHeader.Length].CopyTo(payload);
        _device.ReadConfig((int)header.Offset, payload.AsSpan(VhostUserConfigHeader.Length, (int)header.Size));
        return VhostUserReply.With(payload);
    }

    internal VhostUserReply SetConfig(VhostUserMessage message)
    {
        VhostUserConfigHeader header = message.Read<VhostUserConfigHeader>();
        string text = $"{header.Size} bytes at {header.Offset}, flags {header.Flags}, in a payload of {message.Header.Size}";
        if (!IsConfigRange(header, message) || header.Flags > 1)
        {
            throw new VhostUserProtocolException(
                $"SET_CONFIG of {text}; allowed are up to {VhostUserConfigHeader.MaxConfig} bytes, all in the payload, and flags 0 or 1");
        }

        if (_device.WriteConfig((int)header.Offset, message.Payload.Slice(VhostUserConfigHeader.Length, (int)header.Size), VirtioNegotiated))
        {
            return VhostUserReply.Done;
        }

        // The driver's mistake, not the front end's: a front end that does not ask learns nothing, as from hardware.
        VhostUserReply refusal = VhostUserReply.Refused($"{text} cannot be written");
        return message.NeedsReply ? refusal : VhostUserReply.Done;
    }

    private static bool IsConfigRange(in VhostUserConfigHeader header, VhostUserMessage message) =>
        header.Offset <= VhostUserConfigHeader.MaxConfig
        && header.Size <= VhostUserConfigHeader.MaxConfig - header.Offset
        && header.Size <= message.Header.Size - VhostUserConfigHeader.Length;
}
