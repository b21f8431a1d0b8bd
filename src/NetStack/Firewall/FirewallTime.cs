using System.Runtime.InteropServices;

namespace Makatea.NetStack;

/// <summary>The time, as rules need it.</summary>
/// <param name="Now">Milliseconds of the monotonic clock, for addresses of names.</param>
/// <param name="UnixTime">Seconds of UNIX time, for rules that expire; less than 0 before it is known: rules that expire then hold where they drop and not where they accept.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct FirewallTime(long Now, long UnixTime);
