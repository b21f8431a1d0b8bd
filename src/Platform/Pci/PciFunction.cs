namespace Makatea.Platform;

/// <summary>
/// A device function that was handed to this component: its configuration space, registers, interrupts, and the address space in which its
/// DMA takes place. It is off (no bus mastering, no interrupts) until its driver switches it on, and off again when disposed.
/// </summary>
/// <remarks>For one thread at a time; <see cref="RegisterSpace"/>s may be used by any.</remarks>
public abstract class PciFunction : IDisposable
{
    private const int MaxCapabilities = 48;

    /// <summary>Where it is.</summary>
    public abstract PciAddress Address { get; }

    /// <summary>What it says that it is.</summary>
    public abstract PciIdentity Identity { get; }

    /// <summary>Length of its configuration space in bytes: 256, or 4096 for PCI Express.</summary>
    public abstract int ConfigLength { get; }

    /// <summary>Where its DMA goes: it reaches what is mapped here and, where <see cref="DmaSpace.IsProtected"/>, nothing else.</summary>
    public abstract DmaSpace Dma { get; }

    /// <summary>
    /// The function was taken away (surprise removal, a reset that it did not survive). Registers read as all ones or as zeroes from then on.
    /// </summary>
    public abstract bool IsGone { get; }

    /// <summary>Reads configuration space: 1, 2 or 4 bytes, aligned.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not inside the space, or not aligned.</exception>
    public abstract uint ReadConfig(int offset, int width);

    /// <summary>
    /// Writes configuration space: 1, 2 or 4 bytes, aligned. What a component may not choose (base addresses, message addresses) is kept as it is.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not inside the space, or not aligned.</exception>
    public abstract void WriteConfig(int offset, int width, uint value);

    /// <summary>A base address register.</summary>
    /// <param name="index">0 to 5.</param>
    public abstract PciBar GetBar(int index);

    /// <summary>The registers of a base address register, until the function is disposed.</summary>
    /// <exception cref="IOException">There is nothing to map; the message says what is there.</exception>
    public abstract RegisterSpace MapBar(int index);

    /// <summary>Lets the function start transactions, or stops it.</summary>
    public abstract void SetBusMaster(bool enabled);

    /// <summary>Function-level reset, or what the host has in its place. Bus mastering and interrupts are off afterwards.</summary>
    /// <exception cref="IOException">The function cannot be reset or did not come back; the message says which.</exception>
    public abstract void Reset();

    /// <summary>Takes <paramref name="count"/> interrupt vectors into use, and gives up those used before.</summary>
    /// <param name="count">1 to <see cref="MaxInterrupts"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are fewer.</exception>
    /// <exception cref="IOException">The host refuses; the message says why.</exception>
    public abstract PciInterrupts EnableInterrupts(int count);

    /// <summary>Gives all interrupt vectors up.</summary>
    public abstract void DisableInterrupts();

    /// <summary>Most vectors that the function has: MSI-X, else MSI, else the pin where the host can tell it; 0 where it can only be polled.</summary>
    public abstract int MaxInterrupts { get; }

    /// <summary>Checks an access to configuration space.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not 1, 2 or 4 bytes, not inside the space, or not aligned.</exception>
    protected void CheckConfig(int offset, int width)
    {
        if (width is not (1 or 2 or 4) || offset < 0 || offset > ConfigLength - width || offset % width != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{width} bytes at 0x{offset:x} of configuration space of {ConfigLength}; 1, 2 or 4 are possible, aligned");
        }
    }

    /// <summary>Finds a capability.</summary>
    /// <returns>Its offset in configuration space, or 0. A list that loops or points into the header ends there.</returns>
    public int FindCapability(PciCapabilityId id)
    {
        if ((ReadConfig(PciConfig.Status, 2) & PciConfig.StatusCapabilities) == 0)
        {
            return 0;
        }

        int offset = (int)ReadConfig(PciConfig.CapabilitiesPointer, 1) & ~3;
        for (int i = 0; i < MaxCapabilities && offset is >= 0x40 and < PciConfig.Length; i++)
        {
            uint header = ReadConfig(offset, 2);
            if ((header & 0xff) == (uint)id)
            {
                return offset;
            }

            offset = (int)(header >> 8) & ~3;
        }

        return 0;
    }

    /// <summary>Switches the function off and gives it up.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Switches the function off and gives it up.</summary>
    protected abstract void Dispose(bool disposing);
}
