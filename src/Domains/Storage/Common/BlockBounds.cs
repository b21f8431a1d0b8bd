using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>Which requests a device of a given size takes.</summary>
internal readonly struct BlockBounds(BlockDeviceInfo info)
{
    private readonly ulong _sectorCount = info.SectorCount;
    private readonly uint _mask = ((uint)info.BlockSize / BlockDevice.SectorSize) - 1;

    /// <summary>Whether the request's sectors are whole blocks inside the device. A flush has none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contain(in BlockRequest request) =>
        request.Sector <= _sectorCount
        && request.SectorCount <= _sectorCount - request.Sector
        && (((uint)request.Sector | request.SectorCount) & _mask) == 0;
}
