using System.Globalization;

namespace Makatea.Systems;

/// <summary>Devices as system files name them on seL4, and those of the machine that <c>makatea boot</c> makes.</summary>
internal static class Sel4Devices
{
    /// <summary>The NVMe controller of that machine: what <c>nvme: emulated</c> means.</summary>
    public const string Nvme = "0000:00:03.0";

    /// <summary>What it is: QEMU's.</summary>
    public const string NvmeIdentity = "1b36:0010";

    /// <summary>The 82574L of that machine.</summary>
    public const string Adapter = "0000:00:04.0";

    /// <summary>What it is.</summary>
    public const string AdapterIdentity = "8086:10d3";

    /// <summary>Interrupts of a net domain's adapter: one queue, as one thread forwards.</summary>
    public const int AdapterVectors = 1;

    /// <summary>First port of the console.</summary>
    public const int ConsoleFirstPort = 0x3f8;

    /// <summary>Last port of the console.</summary>
    public const int ConsoleLastPort = 0x3ff;

    /// <summary>Interrupts of a storage domain's controller: for its administration, and a queue.</summary>
    public const int NvmeVectors = 4;

    /// <summary>FIRST-LAST or FIRST, in hexadecimal.</summary>
    public static (int First, int Last) Ports(string written)
    {
        string[] parts = written.Split('-');
        return ((int)Address(parts[0]), (int)Address(parts[^1]));
    }

    /// <summary>A number in hexadecimal.</summary>
    public static ulong Address(string written) => ulong.Parse(written.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>Vendor and, above 16 bits, device of VENDOR:DEVICE; 0 of nothing.</summary>
    public static uint Identity(string? written) => written is null
        ? 0
        : uint.Parse(written[5..] + written[..4], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
