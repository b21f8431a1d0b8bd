using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>Checks the parts of a virtqueue before it is served.</summary>
internal static class RingArea
{
    /// <summary>Views an area that must have <paramref name="length"/> bytes and the alignment of [VIRTIO-1.3] 2.7 or 2.8.10.1.</summary>
    /// <exception cref="ArgumentException">It has not.</exception>
    public static SharedMemory Check(MemorySegment area, int length, int alignment, string name)
    {
        if (area.Length < length)
        {
            throw new ArgumentException($"the {name} is {area.Length} bytes long and must be {length}");
        }

        if (area.Address % alignment != 0)
        {
            throw new ArgumentException($"the {name} is at 0x{area.Address:x} and must be aligned to {alignment} bytes");
        }

        return new SharedMemory(area.Slice(0, length));
    }
}
