using Makatea.Platform;

namespace Makatea.Vmm.Virtio;

/// <summary>A network device ([VIRTIO-1.3] 5.1) whose queues a vhost-user back end serves. Its address is the front end's to say, as back ends need not know it.</summary>
public static class NetFrontEnd
{
    private const uint DeviceType = 1;

    /// <summary>[VIRTIO-1.3] 5.1.4, up to supported_hash_types.</summary>
    private const int ConfigLength = 24;

    private const int MacLength = 6;

    // Bits of [VIRTIO-1.3] 5.1.3.
    private const ulong Mac = 1ul << 5;
    private const ulong ControlQueue = 1ul << 17;
    private const ulong MultiQueue = 1ul << 22;

    /// <summary>CTRL_GUEST_OFFLOADS, CTRL_RX, CTRL_VLAN, CTRL_RX_EXTRA, GUEST_ANNOUNCE, MQ, CTRL_MAC_ADDR, VQ_NOTF_COAL, NOTF_COAL, HASH_REPORT, RSS: commanded by the control queue (5.1.3.1).</summary>
    private const ulong NeedsControl = 1ul << 2 | 1ul << 18 | 1ul << 19 | 1ul << 20 | 1ul << 21 | MultiQueue | 1ul << 23 | 1ul << 52 | 1ul << 53 | 1ul << 57 | 1ul << 60;

    /// <summary>MTU, STATUS, STANDBY, SPEED_DUPLEX: said in the configuration.</summary>
    private const ulong NeedsConfig = 1ul << 3 | 1ul << 16 | 1ul << 62 | 1ul << 63;

    /// <summary>What the device is, for <see cref="VhostUserDevice"/>.</summary>
    /// <param name="address">The guest's address.</param>
    public static VhostUserDeviceOptions Options(MacAddress address)
    {
        byte[] config = new byte[MacLength];
        address.Write(config);
        return new VhostUserDeviceOptions { DeviceType = DeviceType, ConfigLength = ConfigLength, ConfigStart = config, Offer = Offer, CountQueues = CountQueues };
    }

    /// <summary>
    /// A back end that gives a configuration serves what it offers, the control queue too. Others, such as those made for QEMU, which has a control queue of its own, offer it without serving it:
    /// then there is none, and one pair of queues.
    /// </summary>
    internal static ulong Offer(ulong features, bool hasConfig)
    {
        ulong offered = hasConfig ? features : features & ~(ControlQueue | NeedsConfig);
        return ((offered & ControlQueue) != 0 ? offered : offered & ~NeedsControl) | Mac;
    }

    /// <summary>Back ends say how many pairs of queues they have.</summary>
    internal static ulong CountQueues(ulong features, ulong mostPairs) => (features & ControlQueue) == 0 ? 2
        : (features & MultiQueue) == 0 ? 3
        : (2 * Math.Min(mostPairs, VhostUserDevice.MostQueues)) + 1;
}
