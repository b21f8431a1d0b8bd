using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// The front end of vhost-user: a method for each message, which returns when the back end took it. With
/// VHOST_USER_PROTOCOL_F_REPLY_ACK every message is acknowledged. One thread uses it.
/// </summary>
public sealed partial class VhostUserFrontend : IDisposable
{
    private readonly MessageChannel _channel;
    private readonly ComponentHost _host;
    private readonly Timer _watchdog;
    private volatile bool _timedOut;
    private BackendChannel? _backend;

    /// <summary>Takes over a connected channel.</summary>
    /// <param name="channel">The connection.</param>
    /// <param name="host">Makes what is granted to the back end.</param>
    public VhostUserFrontend(MessageChannel channel, ComponentHost host)
    {
        _channel = channel;
        _host = host.For(channel);
        _watchdog = new Timer(_ =>
        {
            _timedOut = true;
            _channel.Close();
        });
    }

    /// <summary>Raised when the back end says that its configuration space changed; on a thread of the front end's.</summary>
    public event Action? ConfigChanged;

    /// <summary>How long the back end may take for a reply; then the connection is closed.</summary>
    public TimeSpan ReplyTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Virtio features set.</summary>
    public ulong Features { get; private set; }

    /// <summary>Protocol features set.</summary>
    public VhostUserProtocolFeatures ProtocolFeatures { get; private set; }

    /// <summary>Number of messages that the back end sent on its own channel.</summary>
    public int BackendRequests => _backend?.Received ?? 0;

    /// <summary>Sends any message, right or wrong, and waits for nothing.</summary>
    public void SendRaw(uint request, uint flags, ReadOnlySpan<byte> payload, params ReadOnlySpan<Grant> grants)
    {
        try
        {
            VhostUserFrame.Send(_channel, request, flags, payload, grants);
        }
        catch (IOException e)
        {
            throw new VhostUserException($"the back end closed the connection before request {request}", e);
        }
    }

    /// <summary>Sends any bytes.</summary>
    public void SendBytes(ReadOnlySpan<byte> bytes, params ReadOnlySpan<Grant> grants) => _channel.Send(bytes, grants);

    /// <summary>Waits for a message from the back end.</summary>
    /// <returns>Null where it closed the connection.</returns>
    /// <exception cref="VhostUserException">Nothing came within <see cref="ReplyTimeout"/>, or no message.</exception>
    public VhostUserFrame? ReceiveRaw()
    {
        _watchdog.Change(ReplyTimeout, Timeout.InfiniteTimeSpan);
        try
        {
            VhostUserFrame? message = VhostUserFrame.Receive(_channel);
            return message is null && _timedOut ? throw new VhostUserException($"the back end did not answer within {ReplyTimeout}") : message;
        }
        catch (IOException e)
        {
            return _timedOut ? throw new VhostUserException($"the back end did not answer within {ReplyTimeout}", e) : null;
        }
        finally
        {
            _watchdog.Change(Timeout.Infinite, Timeout.Infinite);
        }
    }

    /// <summary>Closes the connection.</summary>
    public void Dispose()
    {
        _watchdog.Dispose();
        _channel.Dispose();
        _backend?.Dispose();
    }

    /// <summary>Sends a message that has no reply of its own, and waits for the acknowledgement where that was negotiated.</summary>
    private void Tell(VhostUserRequest request, ReadOnlySpan<byte> payload, params ReadOnlySpan<Grant> grants)
    {
        bool acknowledged = (ProtocolFeatures & VhostUserProtocolFeatures.ReplyAck) != 0;
        SendRaw((uint)request, VhostUserFrame.Version | (acknowledged ? VhostUserFrame.NeedReplyFlag : 0), payload, grants);
        if (acknowledged)
        {
            ulong result = ReceiveReply(request).ToUInt64();
            if (result != 0)
            {
                throw new VhostUserException($"the back end refused {request} with {result}");
            }
        }
    }

    /// <summary>Sends a message that has a reply of its own.</summary>
    private VhostUserFrame Ask(VhostUserRequest request, ReadOnlySpan<byte> payload)
    {
        SendRaw((uint)request, VhostUserFrame.Version, payload);
        return ReceiveReply(request);
    }

    private VhostUserFrame ReceiveReply(VhostUserRequest request)
    {
        VhostUserFrame reply = ReceiveRaw() ?? throw new VhostUserException($"the back end closed the connection at {request}");
        return reply.Request == (uint)request && (reply.Flags & 7) == (VhostUserFrame.Version | VhostUserFrame.ReplyFlag)
            ? reply
            : throw new VhostUserException($"the back end answered {request} with request {reply.Request}, flags 0x{reply.Flags:x}");
    }

    private void TellUInt64(VhostUserRequest request, ulong value, params ReadOnlySpan<Grant> grants)
    {
        Span<byte> payload = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, value);
        Tell(request, payload, grants);
    }

    private void TellVringState(VhostUserRequest request, int index, uint value) => Tell(request, VringState(index, value));

    private static byte[] VringState(int index, uint value)
    {
        byte[] payload = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(payload, index);
        BinaryPrimitives.WriteUInt32LittleEndian(payload.AsSpan(4), value);
        return payload;
    }
}
