using Makatea.Platform;
using Makatea.Vmm.Boot;

namespace Makatea.Vmm.Pci;

/// <summary>
/// The guest's PCI bus 0: a slot for each of 32 functions, configuration space by ports 0xcf8 to 0xcff and by ECAM ([PCIE-5] 7.2), and the registers of functions on the bus of device memory wherever
/// the guest puts them within the layout's windows. Registers that overlap others', or lie outside, are nowhere until they are moved.
/// </summary>
public sealed partial class PciHostBridge
{
    /// <summary>Number of slots. The bridge itself is in slot 0.</summary>
    public const int Slots = 32;

    /// <summary>First of the 8 ports of <see cref="Ports"/>.</summary>
    public const ulong FirstPort = 0xcf8;

    /// <summary>Number of ports.</summary>
    public const ulong PortCount = 8;

    private const ushort RedHat = 0x1b36;
    private const ushort HostBridge = 0x0008;
    private const uint HostBridgeClass = 0x06_0000;

    private readonly DeviceBus _memory;
    private readonly AddressRange[] _windows;
    private readonly PciFunctionModel?[] _slots = new PciFunctionModel?[Slots];
    private readonly PciConfigPorts _ports;
    private readonly Lock _mapping = new();

    /// <summary>Makes a bus with nothing on it but the bridge.</summary>
    /// <param name="memory">The bus of device memory.</param>
    /// <param name="layout">Its windows.</param>
    /// <param name="resetControl">The register of one byte that chipsets have among the ports, at <see cref="PlatformPorts.Reset"/>; null for none.</param>
    public PciHostBridge(DeviceBus memory, GuestLayout layout, RegisterBus? resetControl = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(layout);
        _memory = memory;
        _windows = [GuestLayout.DeviceWindow, layout.HighDeviceWindow];
        _slots[0] = new BridgeFunction();
        _ports = new PciConfigPorts(this, resetControl);
        Ecam = new PciEcam(this);
    }

    /// <summary>Configuration by ports, to be put at <see cref="FirstPort"/>.</summary>
    public RegisterBus Ports => _ports;

    /// <summary>Configuration space in memory, to be put at <see cref="GuestLayout.Ecam"/>.</summary>
    public RegisterBus Ecam { get; }

    /// <summary>Puts a function into a slot. The guest finds it when it looks; a guest that runs is told by the controller of slots.</summary>
    /// <exception cref="ArgumentException">There is no such slot, or something is in it, or the function is on a bus already.</exception>
    public void Attach(int slot, PciFunctionModel function)
    {
        ArgumentNullException.ThrowIfNull(function);
        lock (_mapping)
        {
            if (slot is < 1 or >= Slots || _slots[slot] is not null || function.Bridge is not null)
            {
                throw new ArgumentException($"slot {slot}: functions go into free ones of 1 to {Slots - 1}, once", nameof(slot));
            }

            function.Bridge = this;
            Volatile.Write(ref _slots[slot], function);
        }

        Remap();
    }

    /// <summary>The lowest free slot.</summary>
    /// <returns>-1 where there is none.</returns>
    public int FindFreeSlot()
    {
        lock (_mapping)
        {
            return Array.IndexOf(_slots, null);
        }
    }

    /// <summary>Takes a function out, registers and all.</summary>
    /// <returns>The function; null where there is none.</returns>
    public PciFunctionModel? Detach(int slot)
    {
        if (slot is < 1 or >= Slots)
        {
            return null;
        }

        lock (_mapping)
        {
            PciFunctionModel? function = _slots[slot];
            Volatile.Write(ref _slots[slot], null);
            if (function is not null)
            {
                function.Bridge = null;
                foreach (PciBarModel bar in function.Bars)
                {
                    Move(bar, null);
                }
            }

            return function;
        }
    }

    /// <summary>Resets the bus: functions lose their addresses and stop.</summary>
    public void Reset()
    {
        for (int slot = 0; slot < Slots; slot++)
        {
            Volatile.Read(ref _slots[slot])?.ResetConfig();
        }
    }

    internal uint ReadConfig(int slot, int offset, int width) => Volatile.Read(ref _slots[slot])?.ReadConfig(offset, width) ?? (uint)RegisterWidth.Mask(width);

    internal void WriteConfig(int slot, int offset, int width, uint value) => Volatile.Read(ref _slots[slot])?.WriteConfig(offset, width, value);

    /// <summary>
    /// Puts registers where the guest wants them now. First those go that are to be elsewhere, then each comes that has room: a guest that moves two at once need not do it in an order.
    /// </summary>
    internal void Remap()
    {
        lock (_mapping)
        {
            PciBarModel[] bars = [.. _slots.OfType<PciFunctionModel>().SelectMany(function => function.Bars)];
            ulong?[] wanted = Array.ConvertAll(bars, bar => bar.Function.AddressOf(bar));
            for (int i = 0; i < bars.Length; i++)
            {
                if (bars[i].Mapped is not null && bars[i].Mapped != wanted[i])
                {
                    Move(bars[i], null);
                }
            }

            for (int i = 0; i < bars.Length; i++)
            {
                if (wanted[i] is { } address && bars[i].Mapped is null && HasRoom(bars, new(address, bars[i].Length)))
                {
                    Move(bars[i], address);
                }
            }
        }
    }

    private bool HasRoom(PciBarModel[] bars, AddressRange range) =>
        Array.Exists(_windows, window => window.Contains(range))
        && !Array.Exists(bars, other => other.Mapped is { } address && new AddressRange(address, other.Length).Overlaps(range));

    private void Move(PciBarModel bar, ulong? address)
    {
        if (bar.Mapped is { } old)
        {
            _memory.Remove(old);
        }

        if (address is { } now)
        {
            _memory.Add(now, bar.Length, bar.Registers);
        }

        if (bar.Mapped != address)
        {
            bar.Mapped = address;
            bar.Function.OnMapped(bar, address);
        }
    }

    private sealed class BridgeFunction() : PciFunctionModel(new(RedHat, HostBridge, HostBridgeClass));
}
