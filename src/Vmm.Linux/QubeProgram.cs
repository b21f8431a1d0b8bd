using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Policy;

namespace Makatea.Vmm.Linux;

/// <summary>Runs a qube on KVM until it powers off, with its console on standard input and output. A qube that asks for a reset starts anew.</summary>
internal sealed class QubeProgram : IDisposable
{
    private readonly LinuxHost _host = new();
    private readonly KvmHost _kvm = KvmHost.Open();
    private readonly List<MappedMemory> _mappings = [];

    /// <param name="memory">Bytes of memory.</param>
    public QubeProgram(ulong memory)
    {
        Layout = new GuestLayout(memory, new CpuidModel(_kvm.Info, new CpuTopology(1), 0).PhysicalAddressBits);
        using Grant grant = _host.CreateMemory("guest", memory);
        List<GuestMemoryRegion> regions = [];
        ulong offset = 0;
        foreach (AddressRange range in new[] { Layout.LowMemory, Layout.HighMemory })
        {
            if (range.Length != 0)
            {
                MappedMemory mapping = grant.Map(offset, range.Length, MemoryAccess.ReadWrite);
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

    /// <summary>Runs it.</summary>
    /// <returns>The program's status.</returns>
    public int Run(QubeOptions options)
    {
        while (true)
        {
            using var qube = new Qube(_kvm.CreateMachine(), _host, options);
            using Stream output = Console.OpenStandardOutput();
            qube.Console.Sent += () => Show(qube, output);
            qube.Start();
            QubeEnd end = qube.Wait();
            Show(qube, output);
            if (Environment.GetEnvironmentVariable("VMM_STATS") is not null)
            {
                foreach (Processor processor in qube.Processors)
                {
                    Console.Error.WriteLine($"cpu {processor.Apic.Id}: {processor.Exits} exits, {processor.State}");
                }
            }

            switch (end.Kind)
            {
                case QubeEndKind.Reset when end.Reason is null:
                    break;
                case QubeEndKind.PoweredOff:
                    return 0;
                default:
                    Console.Error.WriteLine($"the qube ended: {end.Kind} {end.Reason}");
                    return 1;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (MappedMemory mapping in _mappings)
        {
            mapping.Dispose();
        }

        _kvm.Dispose();
    }

    private static void Show(Qube qube, Stream output)
    {
        Span<byte> bytes = stackalloc byte[256];
        lock (output)
        {
            int count;
            while ((count = qube.Console.Take(bytes)) != 0)
            {
                output.Write(bytes[..count]);
            }

            output.Flush();
        }
    }
}
