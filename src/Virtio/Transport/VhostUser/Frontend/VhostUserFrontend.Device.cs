using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <content>Messages that are about the device as a whole.</content>
public sealed partial class VhostUserFrontend
{
    /// <summary>VHOST_USER_GET_FEATURES.</summary>
    public ulong GetFeatures() => Ask(VhostUserRequest.GetFeatures, []).ToUInt64();

    /// <summary>VHOST_USER_SET_FEATURES.</summary>
    public void SetFeatures(ulong features)
    {
        TellUInt64(VhostUserRequest.SetFeatures, features);
        Features = features;
    }

    /// <summary>VHOST_USER_GET_PROTOCOL_FEATURES.</summary>
    public VhostUserProtocolFeatures GetProtocolFeatures() => (VhostUserProtocolFeatures)Ask(VhostUserRequest.GetProtocolFeatures, []).ToUInt64();

    /// <summary>VHOST_USER_SET_PROTOCOL_FEATURES.</summary>
    public void SetProtocolFeatures(VhostUserProtocolFeatures features)
    {
        TellUInt64(VhostUserRequest.SetProtocolFeatures, (ulong)features);
        ProtocolFeatures = features;
    }

    /// <summary>VHOST_USER_SET_OWNER.</summary>
    public void SetOwner() => Tell(VhostUserRequest.SetOwner, []);

    /// <summary>VHOST_USER_RESET_OWNER.</summary>
    public void ResetOwner() => Tell(VhostUserRequest.ResetOwner, []);

    /// <summary>VHOST_USER_GET_QUEUE_NUM.</summary>
    public ulong GetQueueCount() => Ask(VhostUserRequest.GetQueueNum, []).ToUInt64();

    /// <summary>VHOST_USER_GET_CONFIG.</summary>
    /// <exception cref="VhostUserException">The back end does not give these bytes.</exception>
    public void GetConfig(int offset, Span<byte> destination)
    {
        byte[] payload = new byte[12 + destination.Length];
        WriteConfigHeader(payload, offset, destination.Length, 0);
        VhostUserFrame reply = Ask(VhostUserRequest.GetConfig, payload);
        if (reply.Payload.Length != payload.Length || !reply.Payload.AsSpan(0, 8).SequenceEqual(payload.AsSpan(0, 8)))
        {
            throw new VhostUserException(
                $"asked for {destination.Length} bytes of configuration at {offset}, the back end replied with {reply.Payload.Length} of {payload.Length} bytes");
        }

        reply.Payload.AsSpan(12).CopyTo(destination);
    }

    /// <summary>VHOST_USER_SET_CONFIG.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="source">The bytes.</param>
    /// <param name="migration">The write is part of a live migration and may change fields that are read-only otherwise.</param>
    public void SetConfig(int offset, ReadOnlySpan<byte> source, bool migration = false)
    {
        byte[] payload = new byte[12 + source.Length];
        WriteConfigHeader(payload, offset, source.Length, migration ? 1u : 0);
        source.CopyTo(payload.AsSpan(12));
        Tell(VhostUserRequest.SetConfig, payload);
    }

    /// <summary>VHOST_USER_SET_BACKEND_REQ_FD: opens the channel on which the back end sends messages of its own.</summary>
    public void OpenBackendChannel()
    {
        MessageChannel ours = _host.CreateChannel(out Grant theirs);
        using (theirs)
        {
            _backend = new BackendChannel(ours, () => ConfigChanged?.Invoke());
            Tell(VhostUserRequest.SetBackendRequestFd, [], theirs);
        }
    }

    /// <summary>VHOST_USER_SEND_RARP.</summary>
    public void SendRarp(MacAddress station)
    {
        Span<byte> payload = stackalloc byte[8];
        payload.Clear();
        station.Write(payload);
        Tell(VhostUserRequest.SendRarp, payload);
    }

    /// <summary>VHOST_USER_NET_SET_MTU.</summary>
    public void SetMtu(ushort mtu) => TellUInt64(VhostUserRequest.NetSetMtu, mtu);

    /// <summary>VHOST_USER_SET_STATUS.</summary>
    public void SetStatus(byte status) => TellUInt64(VhostUserRequest.SetStatus, status);

    /// <summary>VHOST_USER_GET_STATUS.</summary>
    public ulong GetStatus() => Ask(VhostUserRequest.GetStatus, []).ToUInt64();

    /// <summary>VHOST_USER_RESET_DEVICE.</summary>
    public void ResetDevice() => Tell(VhostUserRequest.ResetDevice, []);

    /// <summary>
    /// Starts a session as QEMU does: both kinds of features, ownership and the back end's channel.
    /// </summary>
    /// <param name="features">Virtio features wanted; those that the back end offers are set when <see cref="SetFeatures"/> is called with the result.</param>
    /// <param name="protocolFeatures">Protocol features wanted.</param>
    /// <returns>The features that both want, with <see cref="VhostUserFeatures.ProtocolFeatures"/> where the back end has it.</returns>
    public ulong Negotiate(ulong features, VhostUserProtocolFeatures protocolFeatures = VhostUserProtocolFeatures.Offered)
    {
        ulong offered = GetFeatures();
        if ((offered & VhostUserFeatures.ProtocolFeatures) != 0)
        {
            SetProtocolFeatures(GetProtocolFeatures() & protocolFeatures);
        }

        SetOwner();
        if ((ProtocolFeatures & VhostUserProtocolFeatures.BackendRequest) != 0)
        {
            OpenBackendChannel();
        }

        return offered & (features | VhostUserFeatures.ProtocolFeatures);
    }

    private static void WriteConfigHeader(Span<byte> payload, int offset, int size, uint flags)
    {
        BinaryPrimitives.WriteInt32LittleEndian(payload, offset);
        BinaryPrimitives.WriteInt32LittleEndian(payload[4..], size);
        BinaryPrimitives.WriteUInt32LittleEndian(payload[8..], flags);
    }
}
