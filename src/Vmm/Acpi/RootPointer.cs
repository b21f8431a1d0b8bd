using System.Buffers.Binary;
using System.Text;

namespace Makatea.Vmm.Acpi;

/// <summary>The root system description pointer ([ACPI-6.5] 5.2.5.3).</summary>
internal static class RootPointer
{
    internal const int Length = 36;

    // What ACPI 1.0 knows of it has a checksum of its own.
    private const int OldLength = 20;

    internal static byte[] Create(ulong xsdt)
    {
        byte[] pointer = new byte[Length];
        Encoding.ASCII.GetBytes("RSD PTR ", pointer);
        Encoding.ASCII.GetBytes("MAKTEA", pointer.AsSpan(9));
        pointer[15] = 2;
        BinaryPrimitives.WriteInt32LittleEndian(pointer.AsSpan(20), Length);
        BinaryPrimitives.WriteUInt64LittleEndian(pointer.AsSpan(24), xsdt);
        pointer[8] = TableBuilder.Checksum(pointer.AsSpan(0, OldLength));
        pointer[32] = TableBuilder.Checksum(pointer);
        return pointer;
    }
}
