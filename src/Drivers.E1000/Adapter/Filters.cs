using Makatea.Platform;

namespace Makatea.Drivers.E1000;

/// <summary>Which frames are received ([8254x-SDM] 3.2.2, [82574-DS] 7.1.1): exact addresses, a hash of groups, a table of VLANs.</summary>
internal sealed class Filters
{
    // The 82574L's management firmware may use the last.
    private const int ExactAddresses = Register.ReceiveAddresses - 1;

    private readonly uint[] _groups = new uint[Register.TableRegisters];
    private readonly uint[] _vlans = new uint[Register.TableRegisters];
    private readonly List<MacAddress> _addresses = [];

    /// <summary>Receives what is for <paramref name="address"/>, for all stations, and what <paramref name="filter"/> names.</summary>
    public Filters(MacAddress address, NetFilter filter)
    {
        _addresses.Add(address);
        foreach (MacAddress further in filter.Unicast)
        {
            if (!_addresses.Contains(further))
            {
                _addresses.Add(further);
            }
        }

        bool isPromiscuous = filter.Promiscuous || _addresses.Count > ExactAddresses;
        _addresses.RemoveRange(Math.Min(_addresses.Count, ExactAddresses), Math.Max(_addresses.Count - ExactAddresses, 0));
        foreach (MacAddress group in filter.Multicast)
        {
            int hash = Hash(group);
            _groups[hash >> 5] |= 1u << (hash & 31);
        }

        ControlBits = (isPromiscuous ? ReceiveBits.UnicastPromiscuous : 0)
            | (filter.Promiscuous || filter.AllMulticast ? ReceiveBits.MulticastPromiscuous : 0)
            | (filter.Vlans is null || filter.Promiscuous ? 0 : ReceiveBits.VlanFilter);

        // VLAN 0 is no VLAN: the tag carries a priority alone.
        _vlans[0] = 1;
        foreach (ushort vlan in filter.Vlans ?? [])
        {
            if (vlan is 0 or > 4094)
            {
                throw new ArgumentOutOfRangeException(nameof(filter), $"VLAN {vlan}; 1 to 4094 are possible");
            }

            _vlans[vlan >> 5] |= 1u << (vlan & 31);
        }
    }

    /// <summary>The bits of <see cref="Register.ReceiveControl"/>.</summary>
    public uint ControlBits { get; }

    /// <summary>Writes the tables.</summary>
    public void Write(RegisterSpace registers)
    {
        for (int i = 0; i < Register.ReceiveAddresses; i++)
        {
            ulong entry = Register.ReceiveAddress + ((ulong)i * 8);
            if (i < _addresses.Count)
            {
                (uint low, uint high) = Halves(_addresses[i]);
                registers.WriteUInt32(entry, low);
                registers.WriteUInt32(entry + 4, high | ReceiveAddressBits.Valid);
            }
            else if (i < ExactAddresses)
            {
                registers.WriteUInt32(entry, 0);
                registers.WriteUInt32(entry + 4, 0);
            }
        }

        for (int i = 0; i < Register.TableRegisters; i++)
        {
            registers.WriteUInt32(Register.MulticastTable + ((ulong)i * 4), _groups[i]);
            registers.WriteUInt32(Register.VlanTable + ((ulong)i * 4), _vlans[i]);
        }
    }

    /// <summary>Bits 47:36 of the address in the order of the wire, as RCTL.MO = 0 chooses them.</summary>
    internal static int Hash(MacAddress group) => (int)(((group.Value & 0xff) << 4) | ((group.Value >> 12) & 0xf)) & 0xfff;

    private static (uint Low, uint High) Halves(MacAddress address)
    {
        Span<byte> bytes = stackalloc byte[8];
        address.Write(bytes);
        return (BitConverter.ToUInt32(bytes), (uint)(bytes[4] | (bytes[5] << 8)));
    }
}
