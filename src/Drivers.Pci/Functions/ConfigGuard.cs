using Makatea.Platform;

namespace Makatea.Drivers.Pci;

/// <summary>
/// Which bits of configuration space a component may write. What places the function's registers, aims its interrupts, sends its DMA past the IOMMU (ATS), or makes more functions of
/// it (SR-IOV) is the host's; so all is refused but what is listed here.
/// </summary>
internal sealed class ConfigGuard
{
    // Parity and SERR responses, fast back-to-back, memory write and invalidate, pin interrupt disable. Decoding and bus mastering are switched by the host.
    private const uint CommandBits = (1 << 4) | (1 << 6) | (1 << 8) | (1 << 9) | PciConfig.CommandNoPinInterrupt;
    private const int CacheLine = 0x0c;
    private const int LatencyTimer = 0x0d;
    private const int VendorSpecific = 0x09;
    private const int DeviceControl = 8;
    private const uint DeviceControlBits = 0x7fff; // All but function-level reset.
    private const int MaxCapabilities = 48;

    private readonly byte[] _writable = new byte[PciConfig.Length];

    /// <summary>Looks at the capabilities of a function.</summary>
    public ConfigGuard(ConfigAccess config, PciAddress function)
    {
        Allow(PciConfig.Command, CommandBits | (0xffffu << 16), 4); // With the status, whose bits are cleared by ones.
        Allow(CacheLine, 0xff, 1);
        Allow(LatencyTimer, 0xff, 1);
        if ((config.Read(function, PciConfig.Status, 2) & PciConfig.StatusCapabilities) == 0)
        {
            return;
        }

        int offset = (int)config.Read(function, PciConfig.CapabilitiesPointer, 1) & ~3;
        for (int i = 0; i < MaxCapabilities && offset is >= 0x40 and < PciConfig.Length; i++)
        {
            uint header = config.Read(function, offset, 4);
            switch (header & 0xff)
            {
                case (uint)PciCapabilityId.Express:
                    Allow(offset + DeviceControl, DeviceControlBits | (0xffffu << 16), 4);
                    break;
                case VendorSpecific:
                    for (int at = offset + 3; at < offset + Math.Max((int)(header >> 16) & 0xff, 3); at++)
                    {
                        Allow(at, 0xff, 1);
                    }

                    break;
            }

            offset = (int)(header >> 8) & 0xfc;
        }
    }

    /// <summary>The bits of a register that may be written.</summary>
    public uint Mask(int offset, int width)
    {
        uint mask = 0;
        for (int i = 0; i < width && offset + i < _writable.Length; i++)
        {
            mask |= (uint)_writable[offset + i] << (8 * i);
        }

        return mask;
    }

    private void Allow(int offset, uint bits, int width)
    {
        for (int i = 0; i < width && offset + i < _writable.Length; i++)
        {
            _writable[offset + i] |= (byte)(bits >> (8 * i));
        }
    }
}
