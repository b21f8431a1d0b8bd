namespace Makatea.Platform.Linux;

/// <summary>Registers of a VFIO device that cannot be mapped: ports, and memory smaller than a page or with holes. A system call each.</summary>
internal sealed class VfioRegisterBus(VfioRegions regions) : RegisterBus
{
    /// <inheritdoc/>
    public override ulong Read(ulong address, int width) => regions.Read(address, width);

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value) => regions.Write(address, width, value);
}
