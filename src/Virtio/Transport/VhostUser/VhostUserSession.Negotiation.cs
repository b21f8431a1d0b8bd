using Makatea.Virtio.Net;

namespace Makatea.Virtio;

/// <summary>Features, ownership, status and reset.</summary>
internal sealed partial class VhostUserSession
{
    /// <summary>
    /// Features that QEMU lets the driver choose without asking the back-end, and that change nothing here: NOTIFY_ON_EMPTY, ANY_LAYOUT
    /// and NOTIFICATION_DATA (an eventfd carries none).
    /// </summary>
    private const ulong Ignored = (1ul << 24) | (1ul << 27) | VirtioFeatures.NotificationData;

    private const ulong Vhost = VhostUserFeatures.LogAll | VhostUserFeatures.ProtocolFeatures;
    private VhostUserProtocolFeatures _protocolFeatures;
    private bool _protocolFeaturesSet;
    private ulong _features;
    private bool _featuresSet;
    private bool _owned;

    private ulong DeviceFeatures => _device.Features & ~Vhost;

    private ulong VirtioNegotiated => _features & DeviceFeatures;

    private bool IsPacked => (VirtioNegotiated & VirtioFeatures.PackedRing) != 0;

    private bool IsLogging => _log is not null && (_features & VhostUserFeatures.LogAll) != 0;

    internal VhostUserReply GetFeatures() => VhostUserReply.With(DeviceFeatures | Vhost);

    internal VhostUserReply SetFeatures(ulong features)
    {
        ulong unknown = features & ~(DeviceFeatures | Vhost | Ignored);
        if (unknown != 0)
        {
            throw new VhostUserProtocolException($"SET_FEATURES sets 0x{features:x}; not offered are 0x{unknown:x}");
        }

        bool running = _vrings.Any(v => v.Worker is not null);
        if (running && ((features ^ _features) & ~Vhost & ~Ignored) != 0)
        {
            throw new VhostUserProtocolException($"SET_FEATURES changes 0x{_features:x} to 0x{features:x} while rings run; only LOG_ALL may change then");
        }

        // QEMU repeats the features for each of a device's parts: do not stop rings for nothing.
        bool changed = features != _features || !_featuresSet;
        if (changed)
        {
            SuspendAll();
        }

        _features = features;
        _featuresSet = true;
        if (changed)
        {
            try
            {
                _device.AcceptFeatures(VirtioNegotiated);
            }
            catch (ArgumentException e)
            {
                throw new VhostUserProtocolException($"SET_FEATURES: {e.Message}", e);
            }
        }

        if ((features & VhostUserFeatures.ProtocolFeatures) == 0)
        {
            // "Ring states": without protocol features rings start enabled.
            foreach (VhostUserVring vring in _vrings)
            {
                vring.Enabled = true;
            }
        }

        ServeAll(mustLocate: false);
        return VhostUserReply.Done;
    }

    /// <summary>
    /// What is offered for this device: some is for one type of device alone. QEMU (7.2) has a device of its own for each pair of queues of a network device, and each adds the same memory regions once
    /// more; where they are set all at once, the first alone does.
    /// </summary>
    private VhostUserProtocolFeatures OfferedProtocolFeatures => _device is VirtioNetDevice
        ? (VhostUserProtocolFeatures.Offered | VhostUserProtocolFeatures.Rarp | VhostUserProtocolFeatures.NetMtu) & ~VhostUserProtocolFeatures.ConfigureMemorySlots
        : VhostUserProtocolFeatures.Offered;

    internal VhostUserReply GetProtocolFeatures() => VhostUserReply.With((ulong)OfferedProtocolFeatures);

    internal VhostUserReply SetProtocolFeatures(ulong features)
    {
        ulong unknown = features & ~(ulong)OfferedProtocolFeatures;
        if (unknown != 0)
        {
            throw new VhostUserProtocolException($"SET_PROTOCOL_FEATURES sets 0x{features:x}; not offered are 0x{unknown:x}");
        }

        _protocolFeatures = (VhostUserProtocolFeatures)features;
        _protocolFeaturesSet = true;
        return VhostUserReply.Done;
    }

    internal VhostUserReply SetOwner()
    {
        if (_owned)
        {
            throw new VhostUserProtocolException("SET_OWNER on a session that has an owner; it is allowed once");
        }

        _owned = true;
        return VhostUserReply.Done;
    }

    /// <summary>Deprecated; "use it to disable all rings" is the reading of libvhost-user.</summary>
    internal VhostUserReply ResetOwner()
    {
        _owned = false;
        foreach (VhostUserVring vring in _vrings)
        {
            vring.Suspend();
            vring.Enabled = false;
        }

        return VhostUserReply.Done;
    }

    /// <summary>Of network devices, front ends mean pairs of queues.</summary>
    internal VhostUserReply GetQueueNum() => VhostUserReply.With((ulong)(_device is VirtioNetDevice net ? net.QueuePairs : _device.QueueCount));

    /// <summary>Memory, log, protocol features and the owner stay: front ends do not repeat them.</summary>
    internal VhostUserReply ResetDevice()
    {
        ResetRings();
        _device.Reset();
        return VhostUserReply.Done;
    }

    internal VhostUserReply GetStatus() => VhostUserReply.With((ulong)_status.Value);

    /// <summary>
    /// Status 0 resets the rings and the negotiation. It does not reset what the driver wrote to configuration space: QEMU sends 0 whenever
    /// it stops the device, also when the machine pauses, and goes on with the copy of configuration space that it keeps. Nor does it reset where
    /// the rings stand: QEMU before 8.0 sends 0 first and asks with GET_VRING_BASE then, to go on from there or to migrate.
    /// </summary>
    internal VhostUserReply SetStatus(ulong value)
    {
        if (value == 0)
        {
            bool packed = IsPacked;
            foreach (VhostUserVring vring in _vrings)
            {
                vring.StopAndForget(packed);
            }

            ForgetNegotiation();
        }
        else
        {
            _status.Set(value, _featuresSet);
        }

        return VhostUserReply.Done;
    }

    private void ResetRings()
    {
        foreach (VhostUserVring vring in _vrings)
        {
            vring.Reset();
        }

        ForgetNegotiation();
    }

    private void ForgetNegotiation()
    {
        // What it says is of rings that are no more.
        _inflight?.Dispose();
        _inflight = null;
        _features = 0;
        _featuresSet = false;
        _status.Reset();
    }
}
