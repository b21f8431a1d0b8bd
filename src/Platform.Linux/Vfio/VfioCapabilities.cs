using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>The list of capabilities behind what an information request of VFIO returned.</summary>
internal static class VfioCapabilities
{
    private const int MaxCapabilities = 64;
    private const int HeaderLength = 8;

    /// <summary>Finds a capability.</summary>
    /// <param name="info">All that was returned.</param>
    /// <param name="first">Offset of the first capability, or 0.</param>
    /// <param name="id">Which one.</param>
    /// <returns>What follows its header, up to the end of <paramref name="info"/>; empty where there is none.</returns>
    internal static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> info, uint first, ushort id)
    {
        uint offset = first;
        for (int i = 0; i < MaxCapabilities && offset != 0 && offset <= info.Length - HeaderLength; i++)
        {
            Libc.VfioCapabilityHeader header = MemoryMarshal.Read<Libc.VfioCapabilityHeader>(info[(int)offset..]);
            if (header.Id == id)
            {
                return info[((int)offset + HeaderLength)..];
            }

            offset = header.Next;
        }

        return [];
    }

    /// <summary>The ranges of device addresses that <c>vfio_iommu_type1_info_cap_iova_range</c> lists: a count, padding, then first and last of each.</summary>
    internal static List<(ulong First, ulong Last)> IovaRanges(ReadOnlySpan<byte> capability)
    {
        const int RangeLength = 16;
        List<(ulong First, ulong Last)> ranges = [];
        if (capability.Length < 8)
        {
            return ranges;
        }

        uint count = MemoryMarshal.Read<uint>(capability);
        capability = capability[8..];
        for (uint i = 0; i < count && capability.Length >= RangeLength; i++, capability = capability[RangeLength..])
        {
            ranges.Add((MemoryMarshal.Read<ulong>(capability), MemoryMarshal.Read<ulong>(capability[8..])));
        }

        return ranges;
    }
}
