using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A machine whose devices are QEMU's models, driven from outside: a q35 PC whose processor sleeps while this process reads and writes its registers (over QEMU's
/// qtest) and shares its memory. For tests and demonstrations of drivers; about 10,000 register accesses a second.
/// </summary>
/// <example><c>using var machine = QemuMachine.Start(new QemuMachineOptions { Devices = ["edu"] });</c></example>
/// <remarks>
/// No firmware runs, so base addresses and bus numbers are unassigned. Interrupt messages go to memory, where a thread finds them: what a function sends to a
/// processor's address (0xfee00000) nobody sees.
/// </remarks>
public sealed class QemuMachine : Machine
{
    private const ulong MaxMemory = 2ul << 30;
    private const ulong MemoryUnit = 1 << 20;
    private const ulong ConfigBase = 0xb000_0000;
    private const int MemoryDescriptor = 3;
    private const int RomDescriptor = 4;
    private const int QtestDescriptor = 5;
    private const int MonitorDescriptor = 6;
    private const int FirstFreeDescriptor = 16;

    private readonly QemuProcess _process;
    private readonly MappedMemory _ram;
    private readonly ModelMemory _physical;
    private readonly QtestConnection _qtest;
    private readonly LineSocket _monitorLines;
    private readonly MessagePoller _messages;
    private readonly RegisterBus _memoryBus;
    private readonly Lazy<IReadOnlyList<ReadOnlyMemory<byte>>> _tables;

    private QemuMachine(QemuProcess process, MappedMemory ram, LineSocket qtest, LineSocket monitor)
    {
        _process = process;
        _ram = ram;
        _qtest = new QtestConnection(qtest, process.Explain);
        _monitorLines = monitor;
        Monitor = new QemuMonitor(monitor, process.Explain);
        _memoryBus = new QtestBus(_qtest, isPorts: false);
        Ports = RegisterSpace.OnBus(new QtestBus(_qtest, isPorts: true), 0, 0x1_0000);
        _physical = new ModelMemory(ram, new MemoryModules(Monitor, Ports));
        _messages = new MessagePoller(_physical);
        EnableConfigAccess();
        _tables = new(() => FirmwareTables.Read(new FirmwareConfig(Ports, _physical)));
    }

    /// <summary>QEMU's monitor: plug and unplug, faults of block devices, state of the models.</summary>
    public QemuMonitor Monitor { get; }

    /// <summary>The process of QEMU, for people to read.</summary>
    public int ProcessId => _process.Pid;

    /// <inheritdoc/>
    public override RegisterSpace Ports { get; }

    /// <inheritdoc/>
    public override DmaSpace Physical => _physical;

    /// <inheritdoc/>
    public override IReadOnlyList<ReadOnlyMemory<byte>> AcpiTables => _tables.Value;

    /// <summary>What a q35 leaves free: between configuration space and the I/O APIC, and above all memory modules.</summary>
    public override IReadOnlyList<(ulong First, ulong Last)> RegisterWindows { get; } = [(0xc000_0000, 0xfebf_ffff), (0x80_0000_0000, 0xff_ffff_ffff)];

    /// <summary>Starts QEMU.</summary>
    /// <exception cref="IOException">There is none, or it refuses; the message has what it printed.</exception>
    public static QemuMachine Start(QemuMachineOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Memory is 0 or > MaxMemory || options.Memory % MemoryUnit != 0)
        {
            throw new ArgumentException($"{options.Memory} bytes of memory; whole MiB from 1 to {MaxMemory / MemoryUnit} are possible", nameof(options));
        }

        if (options.Descriptors.Keys.Any(d => d < FirstFreeDescriptor))
        {
            throw new ArgumentException($"descriptors below {FirstFreeDescriptor} are taken", nameof(options));
        }

        var host = new LinuxHost();
        var owned = new Stack<IDisposable>();
        try
        {
            // The descriptors for QEMU are ours to close once it has them; the rest is closed only where the start fails.
            using var memory = (LinuxGrant)host.CreateMemory("machine memory", options.Memory);
            using var rom = (LinuxGrant)host.CreateMemory("machine ROM", ModelRom.Length);
            (LineSocket qtest, SafeFileHandle theirQtest) = LineSocket.CreatePair(options.Timeout);
            owned.Push(qtest);
            using SafeFileHandle qtestEnd = theirQtest;
            (LineSocket monitor, SafeFileHandle theirMonitor) = LineSocket.CreatePair(options.Timeout);
            owned.Push(monitor);
            using SafeFileHandle monitorEnd = theirMonitor;
            ModelRom.Write(rom);
            MappedMemory ram = memory.Map(0, options.Memory, MemoryAccess.ReadWrite);
            owned.Push(ram);
            var process = QemuProcess.Start(options.Executable, Arguments(options), new Dictionary<int, SafeHandle>(options.Descriptors)
            {
                [MemoryDescriptor] = memory.Handle,
                [RomDescriptor] = rom.Handle,
                [QtestDescriptor] = qtestEnd,
                [MonitorDescriptor] = monitorEnd,
            });
            owned.Push(process);

            // Closed here as well, so that the end of QEMU is the end of the connections.
            qtestEnd.Dispose();
            monitorEnd.Dispose();
            return new QemuMachine(process, ram, qtest, monitor);
        }
        catch
        {
            while (owned.TryPop(out IDisposable? part))
            {
                part.Dispose();
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public override RegisterSpace MapRegisters(ulong physicalAddress, ulong length) => RegisterSpace.OnBus(_memoryBus, physicalAddress, length);

    /// <inheritdoc/>
    public override InterruptMessage CreateMessage(PciAddress function, DmaSpace space)
    {
        ArgumentNullException.ThrowIfNull(space);
        return _messages.Create(space);
    }

    /// <summary>Puts a device into an empty slot.</summary>
    /// <param name="slot">The <c>id</c> of a <c>pcie-root-port</c>.</param>
    /// <param name="id">The <c>id</c> that it gets.</param>
    /// <param name="driver">Its model, such as <c>nvme</c>.</param>
    /// <param name="properties">Its properties.</param>
    /// <exception cref="IOException">QEMU refuses.</exception>
    public void Plug(string slot, string id, string driver, JsonObject? properties = null)
    {
        JsonObject device = properties?.DeepClone().AsObject() ?? [];
        device["bus"] = slot;
        device["id"] = id;
        device["driver"] = driver;
        Monitor.Execute("device_add", device);
        SlotPower.Set(Ports, Monitor, slot, on: true);
    }

    /// <summary>Takes a device out of its slot, as somebody would who pulls it: it is gone at the return, whatever it was doing.</summary>
    /// <param name="id">Its <c>id</c>; it is behind a <c>pcie-root-port</c> whose bus number was assigned.</param>
    /// <exception cref="IOException">QEMU refuses: no such device, or it is not in a slot.</exception>
    /// <exception cref="TimeoutException">QEMU did not let go of it.</exception>
    public void Unplug(string id)
    {
        SlotPower.Set(Ports, Monitor, id, on: false);
        while (Monitor.WaitForEvent("DEVICE_DELETED", TimeSpan.FromSeconds(10))?["device"]?.GetValue<string>() != id)
        {
            // Another device's.
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _messages.Dispose();
        _process.Dispose();
        _qtest.Dispose();
        _monitorLines.Dispose();
        _ram.Dispose();
    }

    private static List<string> Arguments(QemuMachineOptions options)
    {
        List<string> arguments =
        [
            "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "q35,kernel-irqchip=split,memory-backend=ram", "-accel", "tcg", "-m", $"size={options.Memory}B,slots={MemoryModules.Slots},maxmem={options.Memory + MemoryModules.MaxMemory}B",
            "-object", $"memory-backend-file,id=ram,size={options.Memory}B,share=on,mem-path=/proc/self/fd/{MemoryDescriptor}",
            "-bios", $"/proc/self/fd/{RomDescriptor}",
            "-chardev", $"socket,id=qtest,fd={QtestDescriptor}", "-qtest", "chardev:qtest", "-qtest-log", "/dev/null",
            "-chardev", $"socket,id=monitor,fd={MonitorDescriptor}", "-mon", "chardev=monitor,mode=control",

            // Slots with the register interface of [PCIe] 6.7 rather than ACPI's, so that no firmware is needed to unplug.
            "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
            .. options.Arguments,
        ];
        foreach (string device in options.Devices)
        {
            arguments.AddRange(["-device", device]);
        }

        return arguments;
    }

    /// <summary>What firmware does first on a q35: it places configuration space in memory (PCIEXBAR, [Q35] 5.1.16), and the ACPI tables come to say so.</summary>
    private void EnableConfigAccess()
    {
        const uint HostBridge = 0x8000_0000;
        const uint ConfigBaseRegister = 0x60;
        const uint Enable = 1;
        Ports.WriteUInt32(0xcf8, HostBridge | (ConfigBaseRegister + 4));
        Ports.WriteUInt32(0xcfc, 0);
        Ports.WriteUInt32(0xcf8, HostBridge | ConfigBaseRegister);
        Ports.WriteUInt32(0xcfc, (uint)ConfigBase | Enable);
    }
}
