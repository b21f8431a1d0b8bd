using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>One guarded range in <see cref="FaultGuard"/>'s table. <see cref="FaultGuardCode"/> knows the offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FaultGuardEntry
{
    /// <summary>First address.</summary>
    internal ulong Start;

    /// <summary>Address behind the last; 0 in a free entry. Written last on registering, first on unregistering.</summary>
    internal ulong End;

    /// <summary>Protection of the memory that takes the place of lost memory.</summary>
    internal int Protection;

    /// <summary>Set to 1 by the handler when the range was lost.</summary>
    internal int Lost;

    private readonly ulong _reserved;
}
