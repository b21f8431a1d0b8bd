using System.Runtime.CompilerServices;
using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// Turns descriptors, already read into locals, into segments. Keeps the window of guest memory that the last one fell into, so
/// that the common case costs two compares.
/// </summary>
internal struct ChainTranslator(GuestMemory memory)
{
    private readonly GuestMemory _memory = memory;
    private GuestMemoryWindow _window;

    /// <summary>Appends the buffer of one descriptor to the chain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RingFault Append(ulong address, uint length, bool writable, Span<MemorySegment> segments, ref DescriptorChain chain)
    {
        if (!writable && chain.Writable != 0)
        {
            return RingFault.ReadableAfterWritable;
        }

        int count = chain.Readable + chain.Writable;
        if (length != 0 && (uint)count < (uint)segments.Length
            && _window.Access == MemoryAccess.ReadWrite && _window.TryTranslate(address, length, out segments[count]))
        {
            return Count(length, 1, writable, ref chain);
        }

        return AppendSlowly(address, length, writable, segments, ref chain);
    }

    /// <summary>The region that the last buffer fell into, where that may be read and written.</summary>
    /// <returns>False where there is none.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool TryGetWindow(out GuestMemoryWindow window)
    {
        window = _window;
        return _window.Access == MemoryAccess.ReadWrite;
    }

    /// <summary>Translates an indirect table. It has to lie within one region.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryTranslateTable(ulong address, uint length, out SharedMemory table)
    {
        if ((_window.Contains(address) || _memory.TryFindWindow(address, out _window))
            && (_window.Access & MemoryAccess.Read) != 0
            && _window.TryTranslate(address, length, out MemorySegment segment))
        {
            table = new SharedMemory(segment);
            return true;
        }

        table = default;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static RingFault Count(uint length, ushort segments, bool writable, ref DescriptorChain chain)
    {
        // [VIRTIO-1.3] 2.7.5.1: at most 2^32 bytes in total. Each side is kept below that, so the sums cannot wrap.
        ref uint bytes = ref writable ? ref chain.WritableBytes : ref chain.ReadableBytes;
        uint sum = bytes + length;
        if (sum < length)
        {
            return RingFault.ChainTooLarge;
        }

        bytes = sum;
        if (writable)
        {
            chain.Writable += segments;
        }
        else
        {
            chain.Readable += segments;
        }

        return RingFault.None;
    }

    /// <summary>Another window, a buffer that straddles adjacent regions, or a fault.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private RingFault AppendSlowly(ulong address, uint length, bool writable, Span<MemorySegment> segments, ref DescriptorChain chain)
    {
        if (length == 0)
        {
            return RingFault.EmptyDescriptor;
        }

        if (address + length < address)
        {
            return RingFault.OutsideMemory;
        }

        MemoryAccess access = writable ? MemoryAccess.Write : MemoryAccess.Read;
        int start = chain.Readable + chain.Writable;
        int count = start;
        for (uint left = length; left != 0;)
        {
            if (count >= segments.Length)
            {
                return RingFault.ChainTooLong;
            }

            if (!_memory.TryFindWindow(address, out _window) || (_window.Access & access) != access)
            {
                return RingFault.OutsideMemory;
            }

            uint piece = (uint)Math.Min(Math.Min(left, _window.BytesFrom(address)), int.MaxValue);
            if (!_window.TryTranslate(address, piece, out segments[count]))
            {
                return RingFault.OutsideMemory;
            }

            count++;
            address += piece;
            left -= piece;
        }

        return Count(length, (ushort)(count - start), writable, ref chain);
    }
}
