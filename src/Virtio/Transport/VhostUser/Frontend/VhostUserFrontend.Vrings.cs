using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <content>Messages that are about one ring.</content>
public sealed partial class VhostUserFrontend
{
    private const uint NoDoorbell = 1 << 8;
    private const uint VringLog = 1;

    /// <summary>VHOST_USER_SET_VRING_NUM.</summary>
    public void SetVringSize(int index, ushort size) => TellVringState(VhostUserRequest.SetVringNum, index, size);

    /// <summary>VHOST_USER_SET_VRING_ADDR.</summary>
    /// <param name="index">The ring.</param>
    /// <param name="descriptors">The front end's own address of the descriptor area.</param>
    /// <param name="device">That of the device area.</param>
    /// <param name="driver">That of the driver area.</param>
    /// <param name="logAddress">Guest address at which writes to the used ring are logged, or null for no log (VHOST_VRING_F_LOG).</param>
    public void SetVringAddresses(int index, ulong descriptors, ulong device, ulong driver, ulong? logAddress = null)
    {
        byte[] payload = new byte[40];
        BinaryPrimitives.WriteInt32LittleEndian(payload, index);
        BinaryPrimitives.WriteUInt32LittleEndian(payload.AsSpan(4), logAddress is null ? 0 : VringLog);
        BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(8), descriptors);
        BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(16), device);
        BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(24), driver);
        BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(32), logAddress ?? 0);
        Tell(VhostUserRequest.SetVringAddress, payload);
    }

    /// <summary>VHOST_USER_SET_VRING_BASE.</summary>
    /// <param name="index">The ring.</param>
    /// <param name="position">Where the back end starts.</param>
    public void SetVringBase(int index, RingPosition position) => TellVringState(VhostUserRequest.SetVringBase, index, ToVringBase(position));

    /// <summary>VHOST_USER_GET_VRING_BASE, which stops the ring.</summary>
    /// <returns>Where the back end stopped.</returns>
    public RingPosition GetVringBase(int index)
    {
        VhostUserFrame reply = Ask(VhostUserRequest.GetVringBase, VringState(index, 0));
        if (reply.Payload.Length != 8 || BinaryPrimitives.ReadInt32LittleEndian(reply.Payload) != index)
        {
            throw new VhostUserException($"the reply to GetVringBase of ring {index} has {reply.Payload.Length} bytes or names another ring");
        }

        uint value = BinaryPrimitives.ReadUInt32LittleEndian(reply.Payload.AsSpan(4));
        return IsPacked
            ? new RingPosition((ushort)(value & 0x7fff), (value & 0x8000) != 0, (ushort)((value >> 16) & 0x7fff), value >> 31 != 0)
            : new RingPosition((ushort)value, true, (ushort)value, true);
    }

    /// <summary>VHOST_USER_SET_VRING_KICK; null has the back end poll.</summary>
    public void SetVringKick(int index, Doorbell? kick) => TellDoorbell(VhostUserRequest.SetVringKick, index, kick);

    /// <summary>VHOST_USER_SET_VRING_CALL; null has the back end ring nothing.</summary>
    public void SetVringCall(int index, Doorbell? call) => TellDoorbell(VhostUserRequest.SetVringCall, index, call);

    /// <summary>VHOST_USER_SET_VRING_ERR.</summary>
    public void SetVringError(int index, Doorbell? error) => TellDoorbell(VhostUserRequest.SetVringError, index, error);

    /// <summary>VHOST_USER_SET_VRING_ENABLE.</summary>
    public void SetVringEnabled(int index, bool enabled) => TellVringState(VhostUserRequest.SetVringEnable, index, enabled ? 1u : 0);

    private bool IsPacked => (Features & VirtioFeatures.PackedRing) != 0;

    private uint ToVringBase(RingPosition position) => IsPacked
        ? position.Available | (position.AvailableWrap ? 0x8000u : 0) | ((uint)position.Used << 16) | (position.UsedWrap ? 0x8000_0000 : 0)
        : position.Available;

    private void TellDoorbell(VhostUserRequest request, int index, Doorbell? doorbell)
    {
        if (doorbell is null)
        {
            TellUInt64(request, (uint)index | NoDoorbell);
            return;
        }

        using Grant grant = _host.ShareDoorbell(doorbell, request == VhostUserRequest.SetVringKick ? DoorbellEnd.Wait : DoorbellEnd.Ring);
        TellUInt64(request, (uint)index, grant);
    }
}
