using Makatea.Platform;

namespace Makatea.Drivers.Iommu;

/// <summary>AMD's counterpart of DMAR ([AMD-IOMMU-3.08] 5.2). Read only as far as to say clearly that it is not supported.</summary>
internal static class IvrsTable
{
    private const int UnitsOffset = 12;
    private const int UnitHeader = 16;
    private static readonly byte[] _unitTypes = [0x10, 0x11, 0x40];

    /// <summary>What to tell about a machine with this table.</summary>
    internal static string Describe(AcpiTable table)
    {
        // Units that are described twice, in an old and a new layout, have the same register base.
        HashSet<ulong> units = [];
        ReadOnlySpan<byte> body = table.Body;
        for (ReadOnlySpan<byte> rest = body.Length > UnitsOffset ? body[UnitsOffset..] : default; rest.Length >= UnitHeader;)
        {
            int length = BitConverter.ToUInt16(rest[2..]);
            if (length < UnitHeader || length > rest.Length)
            {
                break;
            }

            if (_unitTypes.Contains(rest[0]))
            {
                units.Add(BitConverter.ToUInt64(rest[8..]));
            }

            rest = rest[length..];
        }

        string at = units.Count == 0 ? "" : $", at {string.Join(", ", units.Order().Select(u => $"0x{u:x}"))}";
        return $"this machine has AMD-Vi (ACPI table IVRS, {units.Count} unit{(units.Count == 1 ? "" : "s")}{at}), for which there is no driver yet: only VT-d is supported. "
            + "On Linux, VFIO protects devices on such a machine; elsewhere they stay unprotected";
    }
}
