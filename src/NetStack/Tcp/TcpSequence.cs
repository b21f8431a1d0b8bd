namespace Makatea.NetStack;

/// <summary>Sequence numbers go round: one is before another where the way forward is less than 2^31 ([RFC 9293] 3.4).</summary>
internal static class TcpSequence
{
    internal static bool IsBefore(uint one, uint other) => (int)(one - other) < 0;

    internal static bool IsAtOrBefore(uint one, uint other) => (int)(one - other) <= 0;

    internal static uint Later(uint one, uint other) => IsBefore(one, other) ? other : one;

    internal static uint Earlier(uint one, uint other) => IsBefore(one, other) ? one : other;
}

/// <summary>Bytes from <paramref name="Start"/> to before <paramref name="End"/>.</summary>
internal readonly record struct TcpRange(uint Start, uint End)
{
    internal int Length => (int)(End - Start);
}
