using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// The number by which SET_VRING_BASE and GET_VRING_BASE name a position.
/// <code>
/// split   0-15: next available index                         the used index is in the ring itself
/// packed  0-14: next available slot | 15: its wrap counter | 16-30: next used slot | 31: its wrap counter
/// </code>
/// DPDK's front end leaves the upper half of a packed position 0 where both are the same; a position without wrap counters in which
/// buffers are outstanding never reaches us, because we give all back before we answer GET_VRING_BASE.
/// </summary>
internal static class VhostUserVringBase
{
    private const uint SlotMask = 0x7fff;
    private const uint WrapBit = 0x8000;

    /// <summary>The number of a position.</summary>
    public static uint Encode(RingPosition position, bool packed) => packed
        ? position.Available | (position.AvailableWrap ? WrapBit : 0) | ((position.Used | (position.UsedWrap ? WrapBit : 0)) << 16)
        : position.Available;

    /// <summary>The position of a number.</summary>
    /// <param name="value">The number.</param>
    /// <param name="queue">Index of the queue, for errors.</param>
    /// <param name="size">Number of descriptors.</param>
    /// <param name="packed">Whether the ring is packed.</param>
    /// <param name="deviceArea">A split ring's used ring, where its used index is.</param>
    /// <exception cref="VhostUserProtocolException">There is no such position.</exception>
    public static RingPosition Decode(uint value, int queue, ushort size, bool packed, MemorySegment deviceArea)
    {
        if (!packed)
        {
            return value <= ushort.MaxValue
                ? new RingPosition((ushort)value, true, new SharedMemory(deviceArea).AcquireUInt16(2), true)
                : throw new VhostUserProtocolException($"queue {queue} is at base 0x{value:x}; a split ring's is at most 0xffff");
        }

        uint available = value & 0xffff;
        uint used = value >> 16 == 0 ? available : value >> 16;
        if ((available & SlotMask) >= size || (used & SlotMask) >= size)
        {
            throw new VhostUserProtocolException($"queue {queue} is at base 0x{value:x}; its slots must be below {size}");
        }

        return new RingPosition(
            (ushort)(available & SlotMask), (available & WrapBit) != 0, (ushort)(used & SlotMask), (used & WrapBit) != 0);
    }
}
