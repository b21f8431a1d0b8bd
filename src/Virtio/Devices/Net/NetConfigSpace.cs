using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// Configuration space, struct virtio_net_config ([VIRTIO-1.3] 5.1.4). The driver writes none of it.
/// <code>
///  0: u8 mac[6] | 6: le16 status | 8: le16 max_virtqueue_pairs | 10: le16 mtu | 12: le32 speed | 16: u8 duplex
/// 17: u8 rss_max_key_size | 18: le16 rss_max_indirection_table_length | 20: le32 supported_hash_types | 24: le32 supported_tunnel_types
/// </code>
/// </summary>
internal static class NetConfigSpace
{
    /// <summary>Length in bytes.</summary>
    public const int Length = 28;

    private const ushort LinkUp = 1;
    private const ushort AnnounceBit = 2;
    private const byte FullDuplex = 1;
    private const byte UnknownDuplex = 0xff;

    /// <summary>Fills configuration space.</summary>
    public static void Write(Span<byte> config, VirtioNetOptions options, MacAddress address, int mtu, bool linkUp, bool announce)
    {
        config.Clear();
        address.Write(config);
        BinaryPrimitives.WriteUInt16LittleEndian(config[6..], (ushort)((linkUp ? LinkUp : 0) | (announce ? AnnounceBit : 0)));
        BinaryPrimitives.WriteUInt16LittleEndian(config[8..], (ushort)options.QueuePairs);
        BinaryPrimitives.WriteUInt16LittleEndian(config[10..], (ushort)mtu);
        BinaryPrimitives.WriteUInt32LittleEndian(config[12..], options.LinkSpeed == 0 ? uint.MaxValue : (uint)options.LinkSpeed);
        config[16] = options.LinkSpeed == 0 ? UnknownDuplex : FullDuplex;
        config[17] = ToeplitzHash.MaxKeyLength;
        BinaryPrimitives.WriteUInt16LittleEndian(config[18..], NetSteering.MaxTableLength);
        BinaryPrimitives.WriteUInt32LittleEndian(config[20..], (uint)NetHashTypes.All);
    }
}
