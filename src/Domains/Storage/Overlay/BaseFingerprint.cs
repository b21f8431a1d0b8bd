using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// Tells a base that was changed under its overlays: checksums of its two ends, where partition tables and the superblocks of file systems are, which change
/// whenever one is mounted for writing. Not proof against a base that was made to match.
/// </summary>
/// <param name="First">CRC-32 of the first 64 KiB.</param>
/// <param name="Last">CRC-32 of the last 64 KiB.</param>
internal readonly record struct BaseFingerprint(uint First, uint Last)
{
    private const uint Length = 64 * 1024;

    /// <exception cref="IOException">The base cannot be read.</exception>
    public static BaseFingerprint Of(SynchronousQueue @base, ulong sectorCount)
    {
        ulong sectors = Math.Min(sectorCount, Length / BlockDevice.SectorSize);
        byte[] end = new byte[sectors * BlockDevice.SectorSize];
        @base.Read(0, end);
        uint first = Crc32.Of(end);
        @base.Read(sectorCount - sectors, end);
        return new BaseFingerprint(first, Crc32.Of(end));
    }
}
