namespace Makatea.Vmm.Boot;

/// <summary>What the loader writes below 1 MiB. Guests take all of it back but the firmware's tables, once they run on structures of their own.</summary>
internal static class BootArea
{
    /// <summary>Global descriptor table (<see cref="BootDescriptors"/>).</summary>
    internal const ulong Descriptors = 0x1000;

    /// <summary>Random bytes for the kernel, in a <c>setup_data</c>.</summary>
    internal const ulong RandomSeed = 0x2000;

    /// <summary>PVH: <c>hvm_start_info</c>, its module and its memory map.</summary>
    internal const ulong StartInfo = 0x6000;

    /// <summary>Linux: <c>boot_params</c>, the zero page.</summary>
    internal const ulong ZeroPage = 0x7000;

    /// <summary>Page tables: one page of each of the upper levels, and four page directories.</summary>
    internal const ulong PageTables = 0x9000;

    /// <summary>The command line with its terminator.</summary>
    internal const ulong CommandLine = 0x2_0000;

    /// <summary>Length of the command line with its terminator.</summary>
    internal const int CommandLineSize = 0x1_0000;

    /// <summary>Where memory that anybody may use ends.</summary>
    internal const ulong ConventionalEnd = 0xa_0000;

    /// <summary>ACPI tables: where the root pointer is looked for when nobody tells ([ACPI-6.5] 5.2.5.1).</summary>
    internal static readonly AddressRange Firmware = new(0xe_0000, 0x2_0000);

    /// <summary>Where the kernel may start, and memory goes on.</summary>
    internal const ulong HighMemory = 0x10_0000;
}
