using System.Runtime.InteropServices;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Policy;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm.Linux;

/// <summary>Runs a qube on KVM until it powers off, with its console on standard input and output. A qube that asks for a reset starts anew.</summary>
internal sealed class QubeProgram : IDisposable
{
    /// <summary>[VIRTIO-1.3] 5.2.1 and 5.2.4: a block device, with its configuration up to and including write zeroes.</summary>
    private const uint BlockDeviceType = 2;
    private const int BlockConfigLength = 60;

    private readonly LinuxHost _host = new();
    private readonly KvmHost _kvm = KvmHost.Open();
    private readonly Grant _memory;
    private readonly List<MappedMemory> _mappings = [];
    private readonly List<VirtioFrontEnd> _devices = [];
    private volatile Qube? _qube;
    private volatile bool _mustEnd;

    /// <param name="memory">Bytes of memory.</param>
    public QubeProgram(ulong memory)
    {
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
    public void AddDisk(string socket) => _devices.Add(new VhostUserDevice(
        UnixMessageChannel.Connect(socket), _host, Memory, new VhostUserDeviceOptions { DeviceType = BlockDeviceType, ConfigLength = BlockConfigLength }));

    /// <summary>Runs it. SIGTERM and SIGINT end it.</summary>
    /// <returns>The program's status.</returns>
    public async Task<int> RunAsync(QubeOptions options)
    {
        using PosixSignalRegistration term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        using var console = new TerminalConsole(End);
        QubeEnd end;
        do
        {
            using var qube = new Qube(_kvm.CreateMachine(), _host, options with { RandomSeed = ReadRandom(32), Devices = _devices, Report = what => Console.Error.WriteLine($"makatea-vmm: {what}") });
            await using SerialConsole serial = console.Connect(qube.Console);
            _qube = qube;
            if (_mustEnd)
            {
                qube.Kill();
            }

            qube.Start();
            end = await Task.Factory.StartNew(qube.Wait, TaskCreationOptions.LongRunning);
            _qube = null;
        }
        while (end is { Kind: QubeEndKind.Reset, Reason: null } && !_mustEnd);

        if (end.Kind is QubeEndKind.PoweredOff or QubeEndKind.Killed)
        {
            return 0;
        }

        await Console.Error.WriteLineAsync($"the qube {(end.Kind == QubeEndKind.Reset ? "reset itself" : "cannot go on")}: {end.Reason}");
        return 1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (VirtioFrontEnd device in _devices)
        {
            device.Dispose();
        }

        foreach (MappedMemory mapping in _mappings)
        {
            mapping.Dispose();
        }

        _memory.Dispose();
        _kvm.Dispose();
    }

    private void End(PosixSignalContext context)
    {
        context.Cancel = true;
        End();
    }

    private void End()
    {
        _mustEnd = true;
        _qube?.Kill();
    }
}
