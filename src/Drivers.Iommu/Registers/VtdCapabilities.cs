using Makatea.Platform;

namespace Makatea.Drivers.Iommu.Registers;

/// <summary>What a unit can do: CAP and ECAP ([VT-d-4.1] 11.4.2 and 11.4.3).</summary>
/// <param name="Capability">CAP.</param>
/// <param name="Extended">ECAP.</param>
internal readonly record struct VtdCapabilities(ulong Capability, ulong Extended)
{
    /// <summary>ND: domain IDs are of 4, 6, ... 16 bits.</summary>
    internal int DomainIdBits => 4 + (2 * (int)Bits(Capability, 0, 3));

    /// <summary>RWBF: writes to tables wait in a buffer until it is flushed.</summary>
    internal bool NeedsWriteBufferFlush => Bit(Capability, 4);

    /// <summary>PLMR or PHMR: firmware may have set regions apart that no device reaches.</summary>
    internal bool HasProtectedMemory => Bit(Capability, 5) || Bit(Capability, 6);

    /// <summary>CM: entries that are not present are cached as well. Models in software have it, hardware does not.</summary>
    internal bool CachesNotPresent => Bit(Capability, 7);

    /// <summary>SAGAW: tables of 3 levels (39 bits).</summary>
    internal bool Has3Levels => Bit(Capability, 9);

    /// <summary>SAGAW: tables of 4 levels (48 bits).</summary>
    internal bool Has4Levels => Bit(Capability, 10);

    /// <summary>MGAW: highest device address plus one is two to this many bits.</summary>
    internal int MaxAddressBits => (int)Bits(Capability, 16, 6) + 1;

    /// <summary>FRO: where the fault recording registers are.</summary>
    internal ulong FaultRecordOffset => Bits(Capability, 24, 10) * 16;

    /// <summary>SLLPS: pages of 2 MiB.</summary>
    internal bool Has2MiBPages => Bit(Capability, 34);

    /// <summary>SLLPS: pages of 1 GiB.</summary>
    internal bool Has1GiBPages => Bit(Capability, 35);

    /// <summary>Highest level of tables that may have pages: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB.</summary>
    internal int MaxPageLevel => !Has2MiBPages ? 1 : Has1GiBPages ? 3 : 2;

    /// <summary>PSI: invalidation of single pages.</summary>
    internal bool HasPageInvalidation => Bit(Capability, 39);

    /// <summary>NFR: number of fault recording registers.</summary>
    internal int FaultRecords => (int)Bits(Capability, 40, 8) + 1;

    /// <summary>MAMV: an invalidation of pages covers at most two to this many.</summary>
    internal int MaxAddressMask => (int)Bits(Capability, 48, 6);

    /// <summary>DWD: invalidation can wait for writes that were translated.</summary>
    internal bool DrainsWrites => Bit(Capability, 54);

    /// <summary>DRD: invalidation can wait for reads that were translated.</summary>
    internal bool DrainsReads => Bit(Capability, 55);

    /// <summary>C: the unit's reads of tables look into the processor's caches.</summary>
    internal bool IsCoherent => Bit(Extended, 0);

    /// <summary>QI: invalidation by a queue.</summary>
    internal bool HasQueue => Bit(Extended, 1);

    /// <summary>IR: interrupt remapping.</summary>
    internal bool RemapsInterrupts => Bit(Extended, 3);

    /// <summary>Reads and checks the registers.</summary>
    /// <exception cref="IommuException">This driver cannot use the unit; the message says why.</exception>
    internal static VtdCapabilities Read(RegisterSpace registers, string unit)
    {
        uint version = registers.ReadUInt32(VtdRegisters.Version);
        if (version is 0 or uint.MaxValue)
        {
            throw new IommuException($"there is no {unit}: its version register reads as 0x{version:x}. The ACPI table DMAR names a unit that is not there");
        }

        var capabilities = new VtdCapabilities(registers.ReadUInt64(VtdRegisters.Capability), registers.ReadUInt64(VtdRegisters.ExtendedCapability));
        string? missing = capabilities switch
        {
            { HasQueue: false } => "it has no invalidation queue (ECAP.QI), which this driver works by",
            { Has3Levels: false, Has4Levels: false } => $"it translates no DMA by tables of 3 or 4 levels (CAP.SAGAW is 0x{Bits(capabilities.Capability, 8, 5):x})",
            _ => null,
        };
        return missing is null ? capabilities : throw new IommuException($"the {unit} cannot be used: {missing}. Its devices stay unprotected");
    }

    private static bool Bit(ulong value, int bit) => ((value >> bit) & 1) != 0;

    private static ulong Bits(ulong value, int first, int count) => (value >> first) & ((1ul << count) - 1);
}
