using Makatea.Platform;
using Makatea.Virtio;
using Makatea.Vmm;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Pci;
using Makatea.Vmm.Virtio;

namespace Makatea.Fuzz.Vmm;

/// <summary>
/// Fuzzes the PCI bus, MSI-X, slots that come and go, and both transports of virtio by accesses of every width anywhere. Nothing throws; a device is started only with features that it offered and
/// queues that can be, and stopped before it is started again; and messages are sent by vectors that the guest let through alone.
/// </summary>
public sealed class VirtioFuzz : IFuzzTarget
{
    private const ulong BarAddress = 0xc000_0000;
    private static readonly ulong[] _odd = [0, 1, 3, 0xb, 0xf, 0x80, 0xffff, uint.MaxValue, BarAddress, 0xe000_0000, 0xfee0_0000, ulong.MaxValue];
    private static readonly int[] _widths = [1, 2, 4, 8];
    private long _starts, _messages, _ejects;

    /// <inheritdoc/>
    public string Name => "virtio";

    /// <inheritdoc/>
    public string Unit => "accesses";

    /// <inheritdoc/>
    public int MaxInput => 8 * 1024;

    /// <inheritdoc/>
    public string Coverage => $"starts {_starts}, messages {_messages}, ejected {_ejects}";

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <inheritdoc/>
    public long Run(FuzzInput input)
    {
        DeviceBus memory = new();
        PciHostBridge bridge = new(memory, new GuestLayout(64 << 20, 40));
        memory.Add(GuestLayout.Ecam.First, GuestLayout.Ecam.Length, bridge.Ecam);
        CountingController controller = new();
        using StrictFrontEnd pci = new();
        using StrictFrontEnd mmio = new();
        VirtioPciFunction function = new(pci, controller, null, _ => { });
        VirtioMmioDevice registers = new(mmio, InterruptLine.None, _ => { });
        memory.Add(GuestLayout.VirtioMmio.First, GuestLayout.VirtioMmioLength, registers);
        HotPlugController slots = new(bridge, InterruptLine.None, (_, _) => _ejects++);
        bridge.Attach(1, function);

        // As firmware leaves it: few random bytes would get that far.
        memory.Write(GuestLayout.Ecam.First + 0x8010, 4, BarAddress);
        memory.Write(GuestLayout.Ecam.First + 0x8018, 4, BarAddress + 0x1_0000);
        memory.Write(GuestLayout.Ecam.First + 0x8004, 2, 6);
        long done = 0;
        for (; !input.IsAtEnd; done++)
        {
            // What few random bytes get to.
            if (input.OneIn(64))
            {
                BringUp(input, memory);
            }

            int width = input.Pick(_widths);
            ulong value = input.OneIn(2) ? input.Pick(_odd) : input.OneIn(2) ? input.Odd() : input.Byte();
            (RegisterBus bus, ulong address) = input.Below(8) switch
            {
                0 => (bridge.Ports, (ulong)input.Below(9)),
                1 => (memory, GuestLayout.Ecam.First + 0x8000 + (ulong)input.Below(256)),
                2 when input.OneIn(16) => (slots, (ulong)input.Below(16)),
                3 => (memory, BarAddress + 0x1_0000 + (ulong)input.Below(0x40)),
                4 or 5 => (memory, GuestLayout.VirtioMmio.First + (ulong)input.Below(0x120)),
                _ => ((RegisterBus)memory, BarAddress + (ulong)input.Below(input.OneIn(2) ? 0x40 : 0x8000)),
            };
            if (input.OneIn(3))
            {
                bus.Read(address, width);
            }
            else
            {
                bus.Write(address, width, value);
            }

            pci.Poke(input);
            mmio.Poke(input);
        }

        _starts += pci.Starts + mmio.Starts;
        _messages += controller.Sent;
        return done;
    }

    // A driver's way, of which any step may be another.
    private static void BringUp(FuzzInput input, DeviceBus memory)
    {
        const ulong Slot1 = 0x8000;
        const ulong MsiXControl = 0x86;
        ulong mmio = GuestLayout.VirtioMmio.First;
        (ulong Address, int Width, ulong Value)[] steps = input.OneIn(2)
            ? [(mmio + 0x70, 4, 0), (mmio + 0x70, 4, 3), (mmio + 0x24, 4, 1), (mmio + 0x20, 4, 1), (mmio + 0x70, 4, 0xb), (mmio + 0x30, 4, 1), (mmio + 0x38, 4, 64), (mmio + 0x44, 4, 1), (mmio + 0x70, 4, 0xf)]
            :
            [
                (GuestLayout.Ecam.First + Slot1 + MsiXControl, 2, 0x8000), (BarAddress + 0x1_0000, 8, 0xfee0_0000), (BarAddress + 0x1_000c, 4, 0), (BarAddress + 0x1_001c, 4, 0),
                (BarAddress + 0x14, 1, 0), (BarAddress + 0x14, 1, 3), (BarAddress + 0x8, 4, 1), (BarAddress + 0xc, 4, 1), (BarAddress + 0x14, 1, 0xb), (BarAddress + 0x10, 2, 0),
                (BarAddress + 0x1a, 2, 1), (BarAddress + 0x1c, 2, 1), (BarAddress + 0x14, 1, 0xf),
            ];
        foreach ((ulong address, int width, ulong value) in steps)
        {
            memory.Write(address, width, input.OneIn(32) ? input.Odd() : value);
        }
    }

    private sealed class CountingController : InterruptController
    {
        public long Sent { get; private set; }

        public override void Send(ulong address, uint data) => Sent++;
    }

    /// <summary>A device that checks what its transport lets through.</summary>
    private sealed class StrictFrontEnd : VirtioFrontEnd
    {
        private readonly Silent _kick = new();
        private readonly byte[] _config = new byte[24];
        private IVirtioInterrupts? _interrupts;

        public long Starts { get; private set; }

        public override uint DeviceType => 2;

        public override ulong Features => VirtioFeatures.Version1 | VirtioFeatures.PackedRing | 0x7;

        public override IReadOnlyList<ushort> QueueSizes { get; } = [128, 64];

        public override int ConfigLength => _config.Length;

        public override Doorbell Kick(int queue) => _kick;

        public override void ReadConfig(int offset, Span<byte> destination) => _config.AsSpan(offset, destination.Length).CopyTo(destination);

        public override void WriteConfig(int offset, ReadOnlySpan<byte> source) => source.CopyTo(_config.AsSpan(offset));

        public override void Start(ulong features, IReadOnlyList<VirtqueueLayout> queues, IVirtioInterrupts interrupts)
        {
            if (_interrupts is not null)
            {
                throw new FuzzException("a device that runs is started again");
            }

            if ((features & ~Features) != 0 || (features & VirtioFeatures.Version1) == 0)
            {
                throw new FuzzException($"a device that offers 0x{Features:x} is started with 0x{features:x}");
            }

            for (int i = 0; i < queues.Count; i++)
            {
                if (queues[i].IsEnabled && (queues[i].Size == 0 || queues[i].Size > QueueSizes[i]))
                {
                    throw new FuzzException($"queue {i} has {queues[i].Size} descriptors");
                }
            }

            _interrupts = interrupts;
            Starts++;
        }

        public override void Stop() => _interrupts = null;

        /// <summary>Does what back ends do.</summary>
        public void Poke(FuzzInput input)
        {
            if (input.OneIn(16))
            {
                _interrupts?.NotifyQueue(input.Below(2));
            }
            else if (input.OneIn(64))
            {
                _interrupts?.NotifyConfiguration();
            }
            else if (input.OneIn(128))
            {
                _interrupts?.Fail();
            }
        }

        protected override void Dispose(bool disposing)
        {
        }

        private sealed class Silent : Doorbell
        {
            public override void Ring()
            {
            }

            protected override void Dispose(bool disposing)
            {
            }
        }
    }
}
