namespace Makatea.Platform;

/// <summary>
/// Which bits of configuration space a component may write. What places the function's registers, aims its interrupts, sends its DMA past the IOMMU (ATS), or makes more functions of
/// it (SR-IOV) is the host's; so all is refused but what is listed here.
/// </summary>
public sealed class PciConfigFilter
{
    // Parity and SERR responses, fast back-to-back, memory write and invalidate, pin interrupt disable. Decoding and bus mastering are switched by the host.
    private const uint CommandBits = (1 << 4) | (1 << 6) | (1 << 8) | (1 << 9) | PciConfig.CommandNoPinInterrupt;
    private const int CacheLine = 0x0c;
    private const int LatencyTimer = 0x0d;
    private const int VendorSpecific = 0x09;
    private const int ExpressDeviceControl = 8;
    private const uint DeviceControlBits = 0x7fff; // All but function-level reset.
    private const int MaxCapabilities = 48;
    private const int FirstCapability = 0x40;

    // MSI with 64-bit address and masks ([PCI-3.0] 6.8.1).
    private const int LongestProtected = 24;

    private readonly byte[] _writable = new byte[PciConfig.Length];

    /// <summary>Looks at the capabilities of a function.</summary>
    /// <param name="read">Reads its configuration space: offset and width.</param>
    public PciConfigFilter(Func<int, int, uint> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        Allow(PciConfig.Command, CommandBits | (0xffffu << 16), 4); // With the status, whose bits are cleared by ones.
        Allow(CacheLine, 0xff, 1);
        Allow(LatencyTimer, 0xff, 1);
        if ((read(PciConfig.Status, 2) & PciConfig.StatusCapabilities) == 0)
        {
            return;
        }

        List<(int Offset, uint Header)> capabilities = [];
        int offset = (int)read(PciConfig.CapabilitiesPointer, 1) & ~3;
        for (int i = 0; i < MaxCapabilities && offset is >= FirstCapability and < PciConfig.Length; i++)
        {
            uint header = read(offset, 4);
            capabilities.Add((offset, header));
            offset = (int)(header >> 8) & 0xfc;
        }

        foreach ((int at, uint header) in capabilities)
        {
            switch (header & 0xff)
            {
                case (uint)PciCapabilityId.Express:
                    Allow(at + ExpressDeviceControl, DeviceControlBits | (0xffffu << 16), 4);
                    break;
                case VendorSpecific:
                    AllowBytes(at + 3, at + ((int)(header >> 16) & 0xff));
                    break;
            }
        }

        // A function that lays one capability over another gains nothing by it.
        foreach ((int at, uint header) in capabilities.Where(c => (c.Header & 0xff) is not ((uint)PciCapabilityId.Express or VendorSpecific)))
        {
            _writable.AsSpan(at, Math.Min(LongestProtected, _writable.Length - at)).Clear();
        }
    }

    /// <summary>The bits of a register that may be written.</summary>
    /// <param name="offset">Offset in configuration space.</param>
    /// <param name="width">1, 2 or 4 bytes.</param>
    public uint Mask(int offset, int width)
    {
        uint mask = 0;
        for (int i = 0; i < width && offset >= 0 && offset + i < _writable.Length; i++)
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
    private void AllowBytes(int first, int end)
    {
        for (int i = first; i < end && i < _writable.Length; i++)
        {
            _writable[i] = 0xff;
        }
    }
}
