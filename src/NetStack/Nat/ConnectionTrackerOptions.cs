namespace Makatea.NetStack;

/// <summary>How a connection tracker is to be.</summary>
public sealed record ConnectionTrackerOptions
{
    /// <summary>Flows at most. The memory is <see cref="ConnectionTracker.MemoryFor"/> this long.</summary>
    public int Flows { get; init; } = 65536;

    /// <summary>Flows of one qube at most.</summary>
    public int FlowsPerQube { get; init; } = 16384;

    /// <summary>Qubes at most: their numbers are less.</summary>
    public int Qubes { get; init; } = 64;

    /// <summary>128 random bits, of this run alone: keys of hash tables and of the choice of ports.</summary>
    public required UInt128 Secret { get; init; }

    /// <summary>TCP connections whose handshake was not seen are taken up where a rule allows them, so that they outlive the loss of the table.</summary>
    public bool PickUpTcp { get; init; } = true;
}
