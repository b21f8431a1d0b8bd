using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>Configuration space of a virtio-net device as a driver reads it: struct virtio_net_config ([VIRTIO-1.3] 5.1.4).</summary>
public sealed record NetDriverConfig
{
    /// <summary>Length in bytes.</summary>
    public const int Length = 28;

    private readonly byte[] _bytes;

    /// <summary>Parses configuration space.</summary>
    public NetDriverConfig(ReadOnlySpan<byte> bytes) => _bytes = bytes[..Length].ToArray();

    /// <summary>The interface's address.</summary>
    public MacAddress Address => MacAddress.Read(_bytes);

    /// <summary>VIRTIO_NET_S_LINK_UP.</summary>
    public bool IsLinkUp => (_bytes[6] & 1) != 0;

    /// <summary>VIRTIO_NET_S_ANNOUNCE.</summary>
    public bool AsksToAnnounce => (_bytes[6] & 2) != 0;

    /// <summary>Most pairs of queues.</summary>
    public int MaxPairs => UInt16(8);

    /// <summary>Largest payload in bytes.</summary>
    public int Mtu => UInt16(10);

    /// <summary>Speed in Mbit/s; 2^32 - 1 where it is not known.</summary>
    public uint Speed => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(12));

    /// <summary>1 is full duplex, 0 half, 255 unknown.</summary>
    public byte Duplex => _bytes[16];

    /// <summary>Longest key of receive-side scaling in bytes.</summary>
    public byte MaxKeyLength => _bytes[17];

    /// <summary>Most entries of its table.</summary>
    public int MaxTableLength => UInt16(18);

    /// <summary>What it can hash.</summary>
    public uint HashTypes => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(20));

    private int UInt16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(offset));
}
