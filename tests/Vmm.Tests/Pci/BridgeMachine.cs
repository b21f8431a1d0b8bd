using Makatea.Platform;
using Makatea.Vmm.Acpi;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Pci;

namespace Makatea.Vmm.Tests.Pci;

/// <summary>The guest's machine as its own trusted base would see it: our driver of host bridges walks our host bridge.</summary>
internal sealed class BridgeMachine : Machine
{
    private readonly bool _hasEcam;
    private readonly GuestLayout _layout = new(64 << 20, 40);
    private uint _messages;

    public BridgeMachine(bool hasEcam = true)
    {
        _hasEcam = hasEcam;
        Bridge = new PciHostBridge(Memory, _layout);
        PortBus.Add(PciHostBridge.FirstPort, PciHostBridge.PortCount, Bridge.Ports);
        Memory.Add(GuestLayout.Ecam.First, GuestLayout.Ecam.Length, Bridge.Ecam);
    }

    public DeviceBus Memory { get; } = new();

    public DeviceBus PortBus { get; } = new();

    public PciHostBridge Bridge { get; }

    public RecordingController Controller { get; } = new();

    public override RegisterSpace Ports => RegisterSpace.OnBus(PortBus, 0, 0x1_0000);

    public override DmaSpace Physical => throw new NotSupportedException();

    public override IReadOnlyList<ReadOnlyMemory<byte>> AcpiTables => _hasEcam ? [Mcfg.Create()] : [];

    public override IReadOnlyList<(ulong First, ulong Last)> RegisterWindows =>
        [(GuestLayout.DeviceWindow.First, GuestLayout.DeviceWindow.Last), (_layout.HighDeviceWindow.First, _layout.HighDeviceWindow.Last)];

    public override RegisterSpace MapRegisters(ulong physicalAddress, ulong length) => RegisterSpace.OnBus(Memory, physicalAddress, length);

    public override InterruptMessage CreateMessage(PciAddress function, DmaSpace space) => new Message(++_messages);

    protected override void Dispose(bool disposing)
    {
    }

    /// <summary>What was sent.</summary>
    internal sealed class RecordingController : InterruptController
    {
        private readonly List<(ulong Address, uint Data)> _sent = [];

        public (ulong Address, uint Data)[] Sent
        {
            get
            {
                lock (_sent)
                {
                    return [.. _sent];
                }
            }
        }

        public override void Send(ulong address, uint data)
        {
            lock (_sent)
            {
                _sent.Add((address, data));
            }
        }
    }

    private sealed class Message(uint number) : InterruptMessage
    {
        public override ulong Address => MessageAddress;

        public override uint Data => number;

        public override Doorbell Doorbell { get; } = new Silent();

        protected override void Dispose(bool disposing)
        {
        }
    }

    internal const ulong MessageAddress = 0xfee0_1000;

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
