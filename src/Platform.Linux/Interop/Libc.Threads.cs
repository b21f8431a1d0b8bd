using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>Where threads run. A mask has a bit for each processor; thread 0 is the one that calls.</summary>
internal static unsafe partial class Libc
{
    [LibraryImport(Library, EntryPoint = "sched_getaffinity", SetLastError = true)]
    internal static partial int SchedGetAffinity(int thread, nuint length, ulong* mask);

    [LibraryImport(Library, EntryPoint = "sched_setaffinity", SetLastError = true)]
    internal static partial int SchedSetAffinity(int thread, nuint length, ulong* mask);
}
