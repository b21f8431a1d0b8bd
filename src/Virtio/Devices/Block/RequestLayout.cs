using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio.Block;

/// <summary>
/// Finds the parts of a request in its chain, however the driver cut it ([VIRTIO-1.3] 2.7.4, 5.2.6): a header of 16 bytes, data, and a status byte at the
/// very end. Most drivers give each part descriptors of its own; that case costs three compares.
/// </summary>
internal ref struct RequestLayout
{
    /// <summary>Length of struct virtio_blk_req's fixed part: le32 type, le32 reserved, le64 sector.</summary>
    public const int HeaderLength = 16;

    /// <summary>Type of the request.</summary>
    public uint Type;

    /// <summary>First sector.</summary>
    public ulong Sector;

    /// <summary>Index of the first segment that holds data to be read by the device.</summary>
    public int FirstReadable;

    /// <summary>Index of the first segment that the device writes, and one past the last readable one.</summary>
    public int FirstWritable;

    /// <summary>One past the last segment that the device fills with data.</summary>
    public int EndWritable;

    /// <summary>Bytes of data for the device to read.</summary>
    public uint ReadableBytes;

    /// <summary>Bytes of data for the device to write, without the status byte.</summary>
    public uint WritableBytes;

    /// <summary>Where the status byte goes.</summary>
    public MemorySegment Status;

    /// <summary>Cuts a chain up; segments that hold parts of two kinds are shortened in place.</summary>
    /// <returns>False where there is no room for the header or the status.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryParse(Span<MemorySegment> segments, in DescriptorChain chain, out RequestLayout layout)
    {
        layout = default;
        if (chain.ReadableBytes < HeaderLength || chain.WritableBytes == 0)
        {
            return false;
        }

        layout.FirstWritable = chain.Readable;
        layout.ReadableBytes = chain.ReadableBytes - HeaderLength;
        layout.WritableBytes = chain.WritableBytes - 1;
        ref MemorySegment first = ref segments[0];
        if (first.Length == HeaderLength)
        {
            ReadHeader(first, ref layout);
            layout.FirstReadable = 1;
        }
        else
        {
            GatherHeader(segments, ref layout);
        }

        int last = chain.Readable + chain.Writable - 1;
        MemorySegment end = segments[last];
        if (end.Length == 1)
        {
            layout.Status = end;
            layout.EndWritable = last;
        }
        else
        {
            layout.Status = end.Slice(end.Length - 1, 1);
            segments[last] = end.Slice(0, end.Length - 1);
            layout.EndWritable = last + 1;
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ReadHeader(MemorySegment header, ref RequestLayout layout)
    {
        layout.Type = (uint)header.ReadUInt64(0);
        layout.Sector = header.ReadUInt64(8);
    }

    private static void GatherHeader(Span<MemorySegment> segments, ref RequestLayout layout)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        int index = 0;
        for (int filled = 0; filled < HeaderLength;)
        {
            MemorySegment segment = segments[index];
            int take = Math.Min(segment.Length, HeaderLength - filled);
            segment.AsSpan()[..take].CopyTo(header[filled..]);
            filled += take;
            if (take == segment.Length)
            {
                index++;
            }
            else
            {
                segments[index] = segment.Slice(take, segment.Length - take);
            }
        }

        layout.Type = System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(header);
        layout.Sector = System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        layout.FirstReadable = index;
    }
}
