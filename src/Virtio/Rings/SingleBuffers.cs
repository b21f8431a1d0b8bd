using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>What the tag of a buffer says that was popped as one of a single descriptor: the buffer ID or the descriptor's index in bits 0 to 15, the descriptor's flags above.</summary>
public static class SingleBuffers
{
    /// <summary>Whether the device writes the buffer, rather than reads it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsWritable(this in TaggedSegment buffer) => (buffer.Tag & ((uint)DescriptorFlags.Write << 16)) != 0;

    /// <summary>The same buffer as a chain.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="sequence">Its position in the order in which buffers were popped.</param>
    public static DescriptorChain ToChain(this in TaggedSegment buffer, ushort sequence)
    {
        bool writable = buffer.IsWritable();
        return new()
        {
            Id = (ushort)buffer.Tag,
            Slots = 1,
            Sequence = sequence,
            Readable = (ushort)(writable ? 0 : 1),
            Writable = (ushort)(writable ? 1 : 0),
            ReadableBytes = writable ? 0 : (uint)buffer.Length,
            WritableBytes = writable ? (uint)buffer.Length : 0,
        };
    }
}
