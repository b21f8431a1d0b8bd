using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Policy;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Linux;

/// <summary>Runs a qube on KVM until it powers off. A qube that asks for a reset starts anew.</summary>
internal sealed partial class QubeProgram : IDisposable
{
    /// <summary>[VIRTIO-1.3] 5.2.1 and 5.2.4: a block device, with its configuration up to and including write zeroes.</summary>
    private const uint BlockDeviceType = 2;
    private const int BlockConfigLength = 60;

    private readonly LinuxHost _host = new();
    private readonly KvmHost _kvm = KvmHost.Open();
    private readonly Grant _memory;
    private readonly List<MappedMemory> _mappings = [];
    private volatile QubeDevice[] _devices = [];

    /// <summary>Makes its memory.</summary>
    /// <param name="memory">Bytes of memory.</param>
    /// <param name="isPaused">It begins when <see cref="Resume"/> is called.</param>
    public QubeProgram(ulong memory, bool isPaused = false)
    {
        _isPaused = isPaused;
        Layout = new GuestLayout(memory, new CpuidModel(_kvm.Info, new CpuTopology(1), 0).PhysicalAddressBits);
        _memory = _host.CreateMemory("guest", memory);
        List<GuestMemoryRegion> regions = [];
        ulong offset = 0;
        foreach (AddressRange range in new[] { Layout.LowMemory, Layout.HighMemory })
        {
            if (range.Length != 0)
            {
                MappedMemory mapping = _memory.Map(offset, range.Length, MemoryAccess.ReadWrite);
                _mappings.Add(mapping);
                regions.Add(new GuestMemoryRegion(range.First, (ulong)mapping.Address, range.Length, mapping, 0));
                offset += range.Length;
            }
        }

        Memory = new GuestMemory(regions);
    }

    /// <summary>Where the guest's memory is.</summary>
    public GuestLayout Layout { get; }

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory { get; }

    /// <summary>What the host's processors and KVM do.</summary>
    public VirtualMachineInfo Info => _kvm.Info;

    /// <summary>Its devices, in the order of their slots.</summary>
    public IReadOnlyList<QubeDevice> Devices => _devices;

    /// <summary>Random bytes of the kernel's. .NET's generator is OpenSSL's, which is not everywhere.</summary>
    public static byte[] ReadRandom(int count)
    {
        byte[] bytes = new byte[count];
        using FileStream source = File.OpenRead("/dev/urandom");
        source.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Adds a disk that a back end serves over vhost-user.</summary>
    /// <param name="socket">Path of its socket.</param>
    public void AddDisk(string socket) => _devices = [.. _devices, OpenDisk(socket)];

    /// <summary>Adds a network interface that a back end serves over vhost-user.</summary>
    public void AddNet(NetOption net) => _devices = [.. _devices, OpenNet(net)];

    /// <inheritdoc/>
    public void Dispose()
    {
        Array.ForEach(_devices, device => device.FrontEnd.Dispose());

        foreach (MappedMemory mapping in _mappings)
        {
            mapping.Dispose();
        }

        _memory.Dispose();
        _kvm.Dispose();
    }

    private QubeDevice OpenDisk(string socket, string? id = null) => new("disk", socket, new VhostUserDevice(
        UnixMessageChannel.Connect(socket), _host, Memory, new VhostUserDeviceOptions { DeviceType = BlockDeviceType, ConfigLength = BlockConfigLength }), id);

    private QubeDevice OpenNet(NetOption net, string? id = null) => new("net", net.Socket, new VhostUserDevice(net.Connect(), _host, Memory, NetFrontEnd.Options(net.Address)), id);
}
