using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>Rings.</summary>
internal sealed partial class VhostUserSession
{
    private const ulong IndexMask = 0xff;
    private const ulong NoDescriptor = 0x100;

    internal VhostUserReply SetVringNum(VhostUserVringState state)
    {
        VhostUserVring vring = Idle("SET_VRING_NUM", state.Index);
        if (state.Num == 0 || state.Num > _device.MaxQueueSize)
        {
            throw new VhostUserProtocolException($"SET_VRING_NUM gives queue {state.Index} {state.Num} descriptors; allowed are 1 to {_device.MaxQueueSize}");
        }

        vring.Size = (ushort)state.Num;
        Serve(vring, mustLocate: false);
        return VhostUserReply.Done;
    }

    /// <summary>Addresses are looked up when the ring starts: some front ends send them before the memory that they are in.</summary>
    internal VhostUserReply SetVringAddress(VhostUserVringAddress address)
    {
        VhostUserVring vring = Find("SET_VRING_ADDR", address.Index);
        if ((address.Flags & ~VhostUserVringAddress.LogFlag) != 0)
        {
            throw new VhostUserProtocolException($"SET_VRING_ADDR gives queue {address.Index} flags 0x{address.Flags:x}; defined is bit 0");
        }

        if (vring.Address != address)
        {
            vring.Suspend();
            vring.Address = address;
        }

        Serve(vring, mustLocate: false);
        return VhostUserReply.Done;
    }

    internal VhostUserReply SetVringBase(VhostUserVringState state)
    {
        Idle("SET_VRING_BASE", state.Index).SetBase(state.Num);
        return VhostUserReply.Done;
    }

    internal VhostUserReply GetVringBase(VhostUserVringState state)
    {
        VhostUserVring vring = Find("GET_VRING_BASE", state.Index);
        vring.Stop(IsPacked);
        return VhostUserReply.With(new VhostUserVringState(state.Index, vring.Base));
    }

    internal VhostUserReply SetVringKick(VhostUserMessage message)
    {
        (VhostUserVring vring, Doorbell? kick) = TakeDoorbell(message);
        vring.Suspend();
        vring.SetKick(kick);
        Serve(vring, mustLocate: true);
        return VhostUserReply.Done;
    }

    internal VhostUserReply SetVringCall(VhostUserMessage message)
    {
        (VhostUserVring vring, Doorbell? call) = TakeDoorbell(message);
        vring.SetCall(call);
        return VhostUserReply.Done;
    }

    internal VhostUserReply SetVringError(VhostUserMessage message)
    {
        (VhostUserVring vring, Doorbell? error) = TakeDoorbell(message);
        vring.Suspend();
        vring.SetError(error);
        Serve(vring, mustLocate: false);
        return VhostUserReply.Done;
    }

    internal VhostUserReply SetVringEnable(VhostUserVringState state)
    {
        VhostUserVring vring = Find("SET_VRING_ENABLE", state.Index);

        // QEMU leaves the bit out of SET_FEATURES when the guest's driver is a small one (its firmware), and enables rings all the same.
        if ((_features & VhostUserFeatures.ProtocolFeatures) == 0 && !_protocolFeaturesSet)
        {
            throw new VhostUserProtocolException(
                "SET_VRING_ENABLE needs feature VHOST_USER_F_PROTOCOL_FEATURES, which neither SET_FEATURES nor SET_PROTOCOL_FEATURES has set");
        }

        if (state.Num > 1)
        {
            throw new VhostUserProtocolException($"SET_VRING_ENABLE sets queue {state.Index} to {state.Num}; allowed are 0 and 1");
        }

        vring.Enabled = state.Num == 1;
        if (vring.Enabled)
        {
            Serve(vring, mustLocate: true);
        }
        else
        {
            vring.Suspend();
        }

        return VhostUserReply.Done;
    }

    private VhostUserVring Find(string request, ulong index) => index < (ulong)_vrings.Length
        ? _vrings[(int)index]
        : throw new VhostUserProtocolException($"{request} names queue {index}; there are {_vrings.Length}");

    private VhostUserVring Idle(string request, uint index)
    {
        VhostUserVring vring = Find(request, index);
        return vring.Worker is null
            ? vring
            : throw new VhostUserProtocolException($"{request} while queue {index} runs; GET_VRING_BASE stops it");
    }

    private (VhostUserVring Vring, Doorbell? Doorbell) TakeDoorbell(VhostUserMessage message)
    {
        ulong value = message.Read<ulong>();
        if ((value & ~(IndexMask | NoDescriptor)) != 0)
        {
            throw new VhostUserProtocolException($"{message.Name} has value 0x{value:x}; defined are the bits 0x1ff");
        }

        VhostUserVring vring = Find(message.Name, value & IndexMask);
        bool expectsOne = (value & NoDescriptor) == 0;
        if (expectsOne != (message.Grants.Count == 1))
        {
            throw new VhostUserProtocolException(
                $"{message.Name} with value 0x{value:x} came with {message.Grants.Count} descriptors; it says {(expectsOne ? 1 : 0)}");
        }

        if (!expectsOne)
        {
            return (vring, null);
        }

        using Grant grant = message.TakeGrant();
        try
        {
            return (vring, grant.OpenDoorbell());
        }
        catch (GrantException e)
        {
            throw new VhostUserProtocolException($"{message.Name} came with a descriptor that is no doorbell: {e.Message}", e);
        }
    }

    private void SuspendAll()
    {
        foreach (VhostUserVring vring in _vrings)
        {
            vring.Suspend();
        }
    }

    private void ServeAll(bool mustLocate)
    {
        foreach (VhostUserVring vring in _vrings)
        {
            Serve(vring, mustLocate);
        }
    }

    /// <summary>Serves a ring if it can be and is not.</summary>
    /// <param name="vring">The ring.</param>
    /// <param name="mustLocate">
    /// Whether a ring outside the memory granted is an error. It is not while regions come and go one by one: a region that holds
    /// a ring may leave and come back with another size.
    /// </param>
    private void Serve(VhostUserVring vring, bool mustLocate)
    {
        if (vring.Worker is not null || !vring.IsReady || !_featuresSet || _memory.Memory.Regions.Count == 0)
        {
            return;
        }

        GuestMemory memory = _memory.Memory;
        VhostUserRingContext context = new(_device, _host, VirtioNegotiated, memory, IsLogging ? _log!.Dirty : null, _inflight);
        if (vring.TryServe(context, worker => OnBroken(worker, vring.Index, memory)))
        {
            VhostUserLogMessages.QueueStarted(_logger, _device.Name, vring.Index, vring.Size, VirtioNegotiated);
        }
        else if (mustLocate)
        {
            throw new VhostUserProtocolException($"queue {vring.Index} of {vring.Size} descriptors at {vring.Address} is outside the memory granted");
        }
    }
}
