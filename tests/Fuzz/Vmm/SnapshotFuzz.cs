using System.Buffers.Binary;
using Makatea.Platform.Linux;
using Makatea.Virtio.Testing;
using Makatea.Vmm;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Snapshots;
using Makatea.Vmm.Tests;
using Makatea.Vmm.Tests.Boot;
using Makatea.Vmm.Tests.Policy;
using Makatea.Vmm.Tests.Virtio;
using Makatea.Vmm.Virtio;

namespace Makatea.Fuzz.Vmm;

/// <summary>
/// Fuzzes what restores qubes: right files of which words were changed, with checksums that are right again more often than not. Each is restored or refused with the exceptions for that; one that is restored can be saved again,
/// and its devices take accesses.
/// </summary>
public sealed class SnapshotFuzz : IFuzzTarget
{
    private const ulong Memory = 32 << 20;
    private const int Header = 4096;
    private const int StateLength = 32;
    private const int StateChecksum = 40;
    private const int HeaderChecksum = 48;
    private static readonly ulong[] _odd = [0, 1, 2, 3, 0xf, 0xff, 0x8000, uint.MaxValue, long.MaxValue, 1UL << 63, ulong.MaxValue];
    private readonly GuestArena _arena = new(new GuestRange(0, Memory));
    private readonly GuestArena _restored = new(new GuestRange(0, Memory));
    private readonly SteppedTime _time = new();
    private readonly LinuxHost _host = new();
    private readonly byte[][] _files;
    private long _taken, _refused;

    /// <summary>Makes the right files: one for each transport, of a qube whose device runs.</summary>
    public SnapshotFuzz()
    {
        _time.Step(1_000_000_000);
        _files = [Save(VirtioTransport.Mmio), Save(VirtioTransport.Pci)];
    }

    /// <inheritdoc/>
    public string Name => "snapshots";

    /// <inheritdoc/>
    public string Unit => "files";

    /// <inheritdoc/>
    public int MaxInput => 128;

    /// <inheritdoc/>
    public string Coverage => $"restored {_taken}, refused {_refused}";

    /// <inheritdoc/>
    public void Dispose()
    {
        _arena.Dispose();
        _restored.Dispose();
    }

    /// <inheritdoc/>
    public long Run(FuzzInput input)
    {
        int transport = input.Below(2);
        byte[] right = _files[transport];
        int state = (int)Memory + Header;

        // All of it but the memory, which is looked at as a whole.
        List<(int At, byte Was)> changed = [];
        for (int changes = input.Below(4); changes >= 0; changes--)
        {
            int at = input.OneIn(8) ? input.Below(56) & ~7 : state + (int)(input.UInt32() % (uint)(right.Length - state - 8) & ~7u);
            ulong value = input.OneIn(2) ? input.Odd() : input.Pick<ulong>(_odd);
            byte[] bytes = BitConverter.GetBytes(value);
            for (int i = 0; i < bytes.Length; i++)
            {
                changed.Add((at + i, right[at + i]));
                right[at + i] = bytes[i];
            }
        }

        byte[] header = right[..Header];
        if (!input.OneIn(8))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(right.AsSpan(StateChecksum), Checksum.Of(right.AsSpan(state)));
            BinaryPrimitives.WriteUInt64LittleEndian(right.AsSpan(HeaderChecksum), Checksum.Of(right.AsSpan(0, HeaderChecksum)));
        }

        int length = input.OneIn(16) ? (int)(input.UInt32() % (uint)right.Length) : right.Length;
        try
        {
            Restore(new MemoryStream(right, 0, length, writable: false), transport == 0 ? VirtioTransport.Mmio : VirtioTransport.Pci, input);
            _taken++;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or VirtioFrontEndException)
        {
            _refused++;
        }
        finally
        {
            header.CopyTo(right, 0);
            changed.Reverse();
            changed.ForEach(change => right[change.At] = change.Was);
            BinaryPrimitives.WriteUInt64LittleEndian(right.AsSpan(StateChecksum), Checksum.Of(right.AsSpan(state)));
            BinaryPrimitives.WriteUInt64LittleEndian(right.AsSpan(HeaderChecksum), Checksum.Of(right.AsSpan(0, HeaderChecksum)));
        }

        return 1;
    }

    private void Restore(Stream file, VirtioTransport transport, FuzzInput input)
    {
        using var device = new FakeFrontEnd();
        using var qube = new Qube(new ModelMachine(TestHosts.Intel()), _host, Options(_restored, device, transport) with { Snapshot = Snapshot.Open(file), Kernel = null });
        for (int i = 0; i < 32; i++)
        {
            ulong address = input.Pick<ulong>([GuestLayout.VirtioMmio.First, IoApic.Page, GuestLayout.Ecam.First + 0x8000, 0xc000_0000]) + (uint)input.Below(256);
            qube.Devices.Write(address, 4, input.UInt32());
            _ = qube.Devices.Read(address, 4);
            ushort port = input.Pick<ushort>([PlatformPorts.Pit, PlatformPorts.Rtc, PlatformPorts.Serial, PlatformPorts.Power]);
            qube.Ports.Write((ulong)(port + input.Below(8)), 1, input.Byte());
            _ = qube.Ports.Read((ulong)(port + input.Below(8)), 1);
        }
    }

    private byte[] Save(VirtioTransport transport)
    {
        using var device = new FakeFrontEnd();
        using var qube = new Qube(new ModelMachine(TestHosts.Intel()), _host, Options(_arena, device, transport));
        if (transport == VirtioTransport.Mmio)
        {
            (ulong Register, uint Value)[] steps = [(0x70, 3), (0x24, 1), (0x20, 1), (0x70, 0xb), (0x38, 64), (0x80, 0x1000), (0x90, 0x2000), (0xa0, 0x3000), (0x44, 1), (0x70, 0xf)];
            Array.ForEach(steps, step => qube.Devices.Write(GuestLayout.VirtioMmio.First + step.Register, 4, step.Value));
        }

        using var file = new MemoryStream();
        qube.Save(file);
        return file.ToArray();
    }

    private QubeOptions Options(GuestArena arena, VirtioFrontEnd device, VirtioTransport transport) => new()
    {
        Memory = arena.Memory,
        Layout = new GuestLayout(Memory, 40),
        Processors = 2,
        Kernel = BootImage.FromMemory(BzImage.Make()),
        Devices = [device],
        Transport = transport,
        Time = _time,
    };
}
