using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A network interface of the host through a packet socket: a veth whose other end is elsewhere, or an adapter. What the kernel does with the interface itself goes on, so it should have
/// no address there.
/// </summary>
public sealed unsafe class PacketPort : KernelPort
{
    private const int SocketBuffer = 8 << 20;
    private readonly Lock _filtering = new();
    private readonly HashSet<(ushort Type, MacAddress Address)> _memberships = [];
    private ulong _missed;

    private PacketPort(NetDescriptors descriptors, int index)
        : base(descriptors.Device, descriptors.Link, null, index) => StartWatching();

    /// <summary>Opens an interface.</summary>
    /// <exception cref="IOException">It cannot be opened; the message says why.</exception>
    public static PacketPort Open(string name) => Adopt(OpenDescriptors(name));

    /// <summary>Makes a port of descriptors from <see cref="OpenDescriptors"/>, which become the port's.</summary>
    /// <exception cref="IOException">They are not of a packet socket.</exception>
    public static PacketPort Adopt(NetDescriptors descriptors)
    {
        ArgumentNullException.ThrowIfNull(descriptors);
        try
        {
            Libc.LinkAddress address = default;
            uint length = (uint)sizeof(Libc.LinkAddress);
            int hasHeader = 0;
            uint size = sizeof(int);
            if (Libc.GetSockName(descriptors.Device, &address, &length) < 0 || address.Family != Libc.AF_PACKET || address.Index == 0
                || Libc.GetSockOpt(descriptors.Device, Libc.SOL_PACKET, Libc.PACKET_VNET_HDR, &hasHeader, &size) < 0 || hasHeader == 0)
            {
                throw new IOException("what was granted is no packet socket that is bound to an interface and has PACKET_VNET_HDR on");
            }

            return new PacketPort(descriptors, address.Index);
        }
        catch
        {
            descriptors.Dispose();
            throw;
        }
    }

    /// <summary>Opens what a port is made of.</summary>
    /// <exception cref="IOException">It cannot be opened; the message says why.</exception>
    public static NetDescriptors OpenDescriptors(string name)
    {
        InterfaceName.Check(name);
        string what = $"cannot open the network interface {name}";

        // No protocol yet: nothing is received before it is bound.
        SafeFileHandle socket = LinuxError.Descriptor(Libc.Socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC | Libc.SOCK_NONBLOCK, 0), what, "socket(AF_PACKET)");
        try
        {
            SafeFileHandle query;
            using (LinkSocket asked = LinkSocket.Create())
            {
                query = asked.Release();
            }

            using var watch = new LinkWatch(query, name, 0, _ => { });
            Set(Libc.SOL_PACKET, Libc.PACKET_VNET_HDR, 1);
            Set(Libc.SOL_PACKET, Libc.PACKET_AUXDATA, 1);
            Set(Libc.SOL_PACKET, Libc.PACKET_IGNORE_OUTGOING, 1);
            TrySet(Libc.SO_RCVBUFFORCE);
            TrySet(Libc.SO_SNDBUFFORCE);
            Libc.LinkAddress address = new() { Family = Libc.AF_PACKET, Protocol = Libc.EthPAllBigEndian, Index = watch.Initial.Index };
            if (Libc.BindTo(socket, &address, (uint)sizeof(Libc.LinkAddress)) < 0)
            {
                throw LinuxError.Io(what, "bind", Errno.Last);
            }

            using LinkSocket link = LinkSocket.Create();
            return new NetDescriptors(socket, link.Release());
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        void Set(int level, int option, int value)
        {
            if (Libc.SetSockOpt(socket, level, option, &value, sizeof(int)) < 0)
            {
                throw LinuxError.Io(what, $"setsockopt({level}, {option})", Errno.Last);
            }
        }

        // Whoever may open packet sockets need not be allowed larger buffers than others; then bursts are lost earlier.
        void TrySet(int option)
        {
            int value = SocketBuffer;
            _ = Libc.SetSockOpt(socket, Libc.SOL_SOCKET, option, &value, sizeof(int));
        }
    }

    /// <inheritdoc/>
    /// <remarks>VLANs are not filtered: frames of all arrive.</remarks>
    /// <exception cref="IOException">The kernel refuses.</exception>
    public override void SetFilter(NetFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        HashSet<(ushort Type, MacAddress Address)> wanted = [.. filter.Multicast.Select(a => (Libc.PACKET_MR_MULTICAST, a)), .. filter.Unicast.Select(a => (Libc.PACKET_MR_UNICAST, a))];
        if (filter.Promiscuous)
        {
            wanted.Add((Libc.PACKET_MR_PROMISC, default));
        }

        if (filter.AllMulticast)
        {
            wanted.Add((Libc.PACKET_MR_ALLMULTI, default));
        }

        lock (_filtering)
        {
            foreach ((ushort Type, MacAddress Address) membership in wanted.Where(w => !_memberships.Contains(w)).ToList())
            {
                Change(Libc.PACKET_ADD_MEMBERSHIP, membership);
                _memberships.Add(membership);
            }

            foreach ((ushort Type, MacAddress Address) membership in _memberships.Where(m => !wanted.Contains(m)).ToList())
            {
                Change(Libc.PACKET_DROP_MEMBERSHIP, membership);
                _memberships.Remove(membership);
            }
        }
    }

    /// <inheritdoc/>
    public override NetStatistics ReadStatistics()
    {
        lock (_filtering)
        {
            Libc.PacketStatistics statistics = default;
            uint length = (uint)sizeof(Libc.PacketStatistics);
            if (!Device.IsClosed && Libc.GetSockOpt(Device, Libc.SOL_PACKET, Libc.PACKET_STATISTICS, &statistics, &length) == 0)
            {
                _missed += statistics.Drops;
            }

            return base.ReadStatistics() with { ReceiveMissed = _missed };
        }
    }

    private protected override KernelQueue CreateQueue(SafeFileHandle handle, NetQueueOptions options) => new PacketQueue(this, handle, options);

    private void Change(int option, (ushort Type, MacAddress Address) membership)
    {
        Libc.PacketMembership request = new() { Index = Index, Type = membership.Type, AddressLength = MacAddress.Length };
        membership.Address.Write(new Span<byte>(request.Address, MacAddress.Length));
        if (Libc.SetSockOpt(Device, Libc.SOL_PACKET, option, &request, (uint)sizeof(Libc.PacketMembership)) < 0)
        {
            throw LinuxError.Io($"cannot choose which frames {Name} receives", "setsockopt(PACKET_ADD_MEMBERSHIP)", Errno.Last);
        }
    }
}
