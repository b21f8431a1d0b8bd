namespace Makatea.Virtio;

/// <summary>
/// Where the device stands in a ring, to stop it and start it elsewhere. Split rings count without wrap counters; packed rings hold
/// slot numbers.
/// </summary>
/// <param name="Available">Next available index (split, free-running) or slot (packed).</param>
/// <param name="AvailableWrap">Packed: wrap counter of <paramref name="Available"/>; otherwise true.</param>
/// <param name="Used">Next used index (split, free-running) or slot (packed).</param>
/// <param name="UsedWrap">Packed: wrap counter of <paramref name="Used"/>; otherwise true.</param>
public readonly record struct RingPosition(ushort Available, bool AvailableWrap, ushort Used, bool UsedWrap)
{
    /// <summary>Of a ring that was never used.</summary>
    public static readonly RingPosition Start = new(0, true, 0, true);
}
