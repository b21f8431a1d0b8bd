using System.Numerics;

namespace Makatea.Virtio.Net;

/// <summary>
/// Which pair of queues a frame for the guest goes to, as its driver commanded: one pair, several steered by where the flow's last frame came from ([VIRTIO-1.3] 5.1.6.5.5), or
/// by receive-side scaling (5.1.6.5.6). Immutable; a command makes another.
/// </summary>
internal sealed record NetSteering
{
    /// <summary>Most entries of the indirection table.</summary>
    public const int MaxTableLength = 128;

    /// <summary>All to the first pair.</summary>
    public static readonly NetSteering Single = new() { Pairs = 1 };

    /// <summary>Number of pairs that the driver uses; 0 leaves it to which queues run, as with a front end that serves the control queue.</summary>
    public int Pairs { get; init; }

    /// <summary>The hash that <see cref="Types"/> are hashed with; null without one.</summary>
    public ToeplitzHash? Hash { get; init; }

    /// <summary>What is hashed.</summary>
    public NetHashTypes Types { get; init; }

    /// <summary>Receive-side scaling: the pair of each hash. Its length is a power of two. Null without.</summary>
    public byte[]? Table { get; init; }

    /// <summary>Receive-side scaling: the pair of frames without a hash.</summary>
    public int Unclassified { get; init; }

    /// <summary>Hashes a frame.</summary>
    /// <returns>The type that was hashed, or none.</returns>
    public NetHashTypes Compute(in FlowFields fields, out uint hash)
    {
        hash = 0;
        if (Hash is null)
        {
            return NetHashTypes.None;
        }

        NetHashTypes type = (Types & fields.PortType) != 0 ? fields.PortType : Types & fields.AddressType;
        if (type == NetHashTypes.None)
        {
            return type;
        }

        Span<byte> input = stackalloc byte[ToeplitzHash.MaxInputLength];
        fields.Addresses.CopyTo(input);
        int length = fields.Addresses.Length;
        if (type == fields.PortType)
        {
            fields.Ports.CopyTo(input[length..]);
            length += fields.Ports.Length;
        }

        hash = Hash.Compute(input[..length]);
        return type;
    }

    /// <summary>VIRTIO_NET_HASH_REPORT_* of a type (5.1.6.4.5).</summary>
    public static ushort Report(NetHashTypes type) => type == NetHashTypes.None ? (ushort)0 : (ushort)(BitOperations.Log2((uint)type) + 1);
}
