namespace Makatea.Platform.Sel4.Tests;

/// <summary>A function with an MSI-X table in the registers of its first base address register, as the root task shows it.</summary>
internal sealed class ModelFunction : IDisposable
{
    internal const int RegistersLength = 0x4000;
    internal const int TableOffset = 0x2000;
    internal const int Vectors = 4;
    private const int MsiX = 0x40;

    private readonly byte[] _config = new byte[256];

    internal ModelFunction()
    {
        Set(PciConfig.VendorId, 4, 0x0010_1b36);
        Set(PciConfig.RevisionId, 4, 0x0108_0202);
        Set(PciConfig.SubsystemVendorId, 4, 0x1100_1af4);
        Set(PciConfig.Status, 2, PciConfig.StatusCapabilities);
        Set(PciConfig.CapabilitiesPointer, 1, MsiX);
        Set(MsiX, 4, (uint)PciCapabilityId.MsiX | ((Vectors - 1) << 16));
        Set(MsiX + 4, 4, TableOffset);
    }

    internal NativeArray<byte> Registers { get; } = new(RegistersLength);

    /// <summary>Mappings: device address to address, length and access.</summary>
    internal SortedDictionary<ulong, (ulong Address, ulong Length, ulong Access)> Mapped { get; } = [];

    /// <summary>It has a reset of its own.</summary>
    internal bool HasReset { get; set; }

    /// <summary>Resets it, as the root task does: base addresses stay.</summary>
    internal bool TryReset()
    {
        if (HasReset)
        {
            Set(PciConfig.Command, 2, PciConfig.CommandMemory | PciConfig.CommandNoPinInterrupt);
            Registers.AsSpan().Clear();
        }

        return HasReset;
    }

    internal uint Get(int offset, int width)
    {
        uint value = 0;
        for (int i = 0; i < width; i++)
        {
            value |= (uint)_config[offset + i] << (8 * i);
        }

        return value;
    }

    internal void Set(int offset, int width, uint value)
    {
        for (int i = 0; i < width; i++)
        {
            _config[offset + i] = (byte)(value >> (8 * i));
        }
    }

    public void Dispose() => Registers.Dispose();
}
