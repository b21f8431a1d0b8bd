namespace Makatea.Systems;

/// <summary>Settings of .NET's collector, in hexadecimal.</summary>
internal static class HeapSettings
{
    /// <summary>Bytes that a heap may have.</summary>
    public const string Limit = "DOTNET_GCHeapHardLimit";

    /// <summary>Bytes of addresses that a heap is in.</summary>
    public const string Range = "DOTNET_GCRegionRange";

    private const ulong LeastRange = 1 << 30;

    /// <summary>
    /// Addresses for a heap with a limit. By default .NET 9 and 10 take five times the limit, and do not commit the end of their table of regions, so that programs end by SIGSEGV when large arrays get there (20 arrays
    /// of 1 MB, made again and again, with a limit of 32 MiB). A heap does not come to the end of these.
    /// </summary>
    public static ulong RangeOf(ulong memory) => Math.Max(LeastRange, memory * 16);
}
