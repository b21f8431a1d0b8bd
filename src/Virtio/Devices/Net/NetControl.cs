using System.Buffers.Binary;
using System.Numerics;
using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// The commands of the control virtqueue ([VIRTIO-1.3] 5.1.6.5): a state and a command make another state, or the command is refused. Every length and every number of a command is
/// checked, and none makes more than a state of fixed size.
/// </summary>
internal static class NetControl
{
    /// <summary>Longest command in bytes: tables of addresses that are longer are refused.</summary>
    public const int MaxLength = 4096;

    private const int MaxVlan = 4095;
    private const uint MaxDelay = 100_000;

    /// <summary>Carries a command out.</summary>
    /// <param name="state">What holds now; replaced where the command is good.</param>
    /// <param name="pairs">Number of pairs that the device has.</param>
    /// <param name="command">Class, command and its data.</param>
    /// <returns>False where the command is refused; then nothing changed.</returns>
    public static bool TryExecute(ref NetGuestState state, int pairs, ReadOnlySpan<byte> command)
    {
        ReadOnlySpan<byte> data = command[2..];
        NetGuestState? next = (command[0], command[1]) switch
        {
            (0, <= 1) when Has(state, NetFeatures.ControlReceive) => SetMode(state, command[1], data),
            (0, <= 5) when Has(state, NetFeatures.ControlReceiveExtra) => SetMode(state, command[1], data),
            (1, 0) when Has(state, NetFeatures.ControlReceive) => SetAddresses(state, data),
            (1, 1) when Has(state, NetFeatures.ControlMacAddress) => SetAddress(state, data),
            (2, <= 1) when Has(state, NetFeatures.ControlVlan) => SetVlan(state, command[1] == 0, data),
            (3, 0) when Has(state, NetFeatures.GuestAnnounce) && data.IsEmpty => state,
            (4, 0) when Has(state, NetFeatures.MultiQueue) => SetPairs(state, pairs, data),
            (4, 1) when Has(state, NetFeatures.Rss) => SetRss(state, pairs, data),
            (4, 2) when Has(state, NetFeatures.HashReport) => SetHash(state, data),
            (5, 0) when Has(state, NetFeatures.ControlGuestOffloads) => SetOffloads(state, data),
            (6, 0) when Has(state, NetFeatures.NotificationCoalescing) && TryReadCoalescing(data, out NetCoalescing c) => state with { TransmitCoalescing = c },
            (6, 1) when Has(state, NetFeatures.NotificationCoalescing) && TryReadCoalescing(data, out NetCoalescing c) => state with { ReceiveCoalescing = c },
            _ => null,
        };
        state = next ?? state;
        return next is not null;
    }

    /// <summary>VIRTIO_NET_CTRL_ANNOUNCE_ACK.</summary>
    public static bool IsAnnounceAck(ReadOnlySpan<byte> command) => command is [3, 0];

    private static bool Has(NetGuestState state, ulong feature) => (state.Features & feature) != 0;

    private static NetGuestState? SetMode(NetGuestState state, byte mode, ReadOnlySpan<byte> data)
    {
        if (data is not [0 or 1])
        {
            return null;
        }

        bool on = data[0] == 1;
        NetReceiveFilter filter = state.Filter;
        return state with
        {
            Filter = mode switch
            {
                0 => filter with { Promiscuous = on },
                1 => filter with { AllMulticast = on },
                2 => filter with { AllUnicast = on },
                3 => filter with { NoMulticast = on },
                4 => filter with { NoUnicast = on },
                _ => filter with { NoBroadcast = on },
            },
        };
    }

    private static NetGuestState? SetAddresses(NetGuestState state, ReadOnlySpan<byte> data)
    {
        if (!TryReadTable(ref data, out MacAddress[]? unicast) || !TryReadTable(ref data, out MacAddress[]? multicast) || !data.IsEmpty)
        {
            return null;
        }

        return state with
        {
            Filter = state.Filter with
            {
                Unicast = unicast ?? [],
                UnicastOverflow = unicast is null,
                Multicast = multicast ?? [],
                MulticastOverflow = multicast is null,
            },
        };
    }

    /// <summary>le32 entries, and 6 bytes each.</summary>
    /// <returns>False where the data is too short; a null table is one too long to be kept.</returns>
    private static bool TryReadTable(ref ReadOnlySpan<byte> data, out MacAddress[]? table)
    {
        table = null;
        if (data.Length < 4)
        {
            return false;
        }

        uint count = BinaryPrimitives.ReadUInt32LittleEndian(data);
        data = data[4..];
        if (count > (uint)(data.Length / MacAddress.Length))
        {
            return false;
        }

        if (count <= NetReceiveFilter.MaxAddresses)
        {
            table = new MacAddress[count];
            for (int i = 0; i < table.Length; i++)
            {
                table[i] = MacAddress.Read(data[(i * MacAddress.Length)..]);
            }
        }

        data = data[((int)count * MacAddress.Length)..];
        return true;
    }

    private static NetGuestState? SetAddress(NetGuestState state, ReadOnlySpan<byte> data)
    {
        if (data.Length != MacAddress.Length)
        {
            return null;
        }

        MacAddress address = MacAddress.Read(data);
        return address.IsMulticast || address.Value == 0 ? null : state with { Filter = state.Filter with { Address = address } };
    }

    private static NetGuestState? SetVlan(NetGuestState state, bool add, ReadOnlySpan<byte> data)
    {
        if (data.Length != 2 || BinaryPrimitives.ReadUInt16LittleEndian(data) is var vlan && vlan > MaxVlan || state.Filter.Vlans is not { } old)
        {
            return null;
        }

        ulong[] vlans = old.AsSpan().ToArray();
        ulong bit = 1ul << (vlan & 63);
        vlans[vlan >> 6] = add ? vlans[vlan >> 6] | bit : vlans[vlan >> 6] & ~bit;
        return state with { Filter = state.Filter with { Vlans = vlans } };
    }

    private static NetGuestState? SetPairs(NetGuestState state, int pairs, ReadOnlySpan<byte> data)
    {
        if (data.Length != 2 || BinaryPrimitives.ReadUInt16LittleEndian(data) is var wanted && (wanted == 0 || wanted > pairs))
        {
            return null;
        }

        return state with { Steering = state.Steering with { Pairs = wanted, Table = null } };
    }

    /// <summary>struct virtio_net_rss_config: le32 hash_types, le16 indirection_table_mask, le16 unclassified_queue, le16 table[mask + 1], le16 max_tx_vq, u8 key length, key.</summary>
    private static NetGuestState? SetRss(NetGuestState state, int pairs, ReadOnlySpan<byte> data)
    {
        if (data.Length < 8)
        {
            return null;
        }

        uint types = BinaryPrimitives.ReadUInt32LittleEndian(data);
        int entries = BinaryPrimitives.ReadUInt16LittleEndian(data[4..]) + 1;
        int unclassified = BinaryPrimitives.ReadUInt16LittleEndian(data[6..]);
        data = data[8..];
        if (entries > NetSteering.MaxTableLength || !BitOperations.IsPow2(entries) || unclassified >= pairs || data.Length < (entries * 2) + 3)
        {
            return null;
        }

        byte[] table = new byte[entries];
        for (int i = 0; i < entries; i++)
        {
            int pair = BinaryPrimitives.ReadUInt16LittleEndian(data[(i * 2)..]);
            if (pair >= pairs)
            {
                return null;
            }

            table[i] = (byte)pair;
        }

        int senders = BinaryPrimitives.ReadUInt16LittleEndian(data[(entries * 2)..]);
        return senders >= 1 && senders <= pairs && TryReadKey(types, data[((entries * 2) + 2)..], out ToeplitzHash? hash)
            ? state with { Steering = new() { Pairs = pairs, Hash = hash, Types = (NetHashTypes)types, Table = table, Unclassified = unclassified } }
            : null;
    }

    /// <summary>struct virtio_net_hash_config: le32 hash_types, le16 reserved[4], u8 key length, key.</summary>
    private static NetGuestState? SetHash(NetGuestState state, ReadOnlySpan<byte> data)
    {
        if (data.Length < 13 || data.Slice(4, 8).ContainsAnyExcept((byte)0))
        {
            return null;
        }

        uint types = BinaryPrimitives.ReadUInt32LittleEndian(data);
        return TryReadKey(types, data[12..], out ToeplitzHash? hash)
            ? state with { Steering = state.Steering with { Hash = hash, Types = (NetHashTypes)types, Table = null } }
            : null;
    }

    private static bool TryReadKey(uint types, ReadOnlySpan<byte> data, out ToeplitzHash? hash)
    {
        hash = null;
        if ((types & ~(uint)NetHashTypes.All) != 0 || data[0] > ToeplitzHash.MaxKeyLength || data.Length != 1 + data[0])
        {
            return false;
        }

        hash = types == 0 ? null : new ToeplitzHash(data[1..]);
        return true;
    }

    private static NetGuestState? SetOffloads(NetGuestState state, ReadOnlySpan<byte> data)
    {
        if (data.Length != 8)
        {
            return null;
        }

        ulong offloads = BinaryPrimitives.ReadUInt64LittleEndian(data);
        return (offloads & ~(state.Features & NetFeatures.GuestOffloads)) == 0 && NetFeatures.Lacks(offloads) is null
            ? state with { Offloads = offloads }
            : null;
    }

    /// <summary>struct virtio_net_ctrl_coal: le32 max_packets, le32 max_usecs.</summary>
    private static bool TryReadCoalescing(ReadOnlySpan<byte> data, out NetCoalescing coalescing)
    {
        coalescing = default;
        if (data.Length != 8 || BinaryPrimitives.ReadUInt32LittleEndian(data[4..]) is var delay && delay > MaxDelay)
        {
            return false;
        }

        coalescing = new(BinaryPrimitives.ReadUInt32LittleEndian(data), delay * (TimeProvider.System.TimestampFrequency / 1_000_000));
        return true;
    }
}
