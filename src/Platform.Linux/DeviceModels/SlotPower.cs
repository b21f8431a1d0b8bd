using System.Text.Json.Nodes;

namespace Makatea.Platform.Linux;

/// <summary>
/// The power of PCI Express slots. When it goes off, QEMU unplugs what is in the slot without asking anybody; what is plugged in is seen when it is on.
/// </summary>
internal static class SlotPower
{
    private const uint ConfigAddress = 0xcf8;
    private const uint ConfigData = 0xcfc;
    private const uint CapabilitiesPointer = 0x34;
    private const uint ExpressCapability = 0x10;
    private const uint SlotControl = 0x18;
    private const uint Indicator = 3 << 8;
    private const uint IndicatorOn = 1 << 8;
    private const uint PowerOff = 1 << 10;
    private const int MaxCapabilities = 48;

    /// <summary>Switches a slot.</summary>
    /// <param name="ports">The machine's ports.</param>
    /// <param name="monitor">Its monitor.</param>
    /// <param name="id">Of a device in the slot, or of the slot's root port.</param>
    /// <param name="on">On or off.</param>
    /// <exception cref="IOException">There is no such slot.</exception>
    internal static void Set(RegisterSpace ports, QemuMonitor monitor, string id, bool on)
    {
        foreach (JsonNode? bus in monitor.Execute("query-pci")?.AsArray() ?? [])
        {
            foreach (JsonNode? bridge in bus?["devices"]?.AsArray() ?? [])
            {
                if (bridge?["pci_bridge"] is { } behind && (Is(bridge, id) || (behind["devices"]?.AsArray() ?? []).Any(d => Is(d, id))))
                {
                    Set(ports, (uint)((bus!["bus"]!.GetValue<int>() << 16) | (bridge["slot"]!.GetValue<int>() << 11) | (bridge["function"]!.GetValue<int>() << 8)), id, on);
                    return;
                }
            }
        }

        throw new IOException($"there is no device '{id}' behind a root port whose bus number is assigned; only such devices can be unplugged");
    }

    private static bool Is(JsonNode? device, string id) => device?["qdev_id"]?.GetValue<string>() == id;

    private static void Set(RegisterSpace ports, uint port, string id, bool on)
    {
        uint capability = Read(ports, port, CapabilitiesPointer) & 0xfc;
        for (int i = 0; i < MaxCapabilities && capability != 0; i++)
        {
            uint header = Read(ports, port, capability);
            if ((header & 0xff) == ExpressCapability)
            {
                uint kept = Read(ports, port, capability + SlotControl) & 0xffff & ~(Indicator | PowerOff);
                Write(ports, port, capability + SlotControl, kept | (on ? IndicatorOn : Indicator | PowerOff));
                return;
            }

            capability = (header >> 8) & 0xfc;
        }

        throw new IOException($"'{id}' is not in a slot of a root port; only devices that are can be plugged and unplugged");
    }

    private static uint Read(RegisterSpace ports, uint function, uint offset)
    {
        ports.WriteUInt32(ConfigAddress, 0x8000_0000 | function | offset);
        return ports.ReadUInt32(ConfigData);
    }

    private static void Write(RegisterSpace ports, uint function, uint offset, uint value)
    {
        ports.WriteUInt32(ConfigAddress, 0x8000_0000 | function | offset);
        ports.WriteUInt32(ConfigData, value);
    }
}
