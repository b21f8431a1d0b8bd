using System.Buffers.Binary;
using System.Text;

namespace Makatea.Vmm.Acpi;

/// <summary>The firmware control structure ([ACPI-6.5] 5.2.10), in which a guest has its global lock. It wakes from nothing.</summary>
internal static class Facs
{
    internal const int Length = 64;

    internal static byte[] Create()
    {
        byte[] facs = new byte[Length];
        Encoding.ASCII.GetBytes("FACS", facs);
        BinaryPrimitives.WriteInt32LittleEndian(facs.AsSpan(4), Length);
        facs[32] = 2;
        return facs;
    }
}
