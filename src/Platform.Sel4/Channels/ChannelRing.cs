using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Sel4;

/// <summary>
/// One direction of a channel: records in a ring, each a header of 8 bytes (le32 length of the bytes, le32 number of grants), 16 bytes for each grant (le64 kind, le64 number), and the
/// bytes, filled up to a multiple of 8. The writer counts what it put there, the reader what it took; both count modulo 2^32 and keep a private copy, so that a peer can end
/// the channel by what it writes and nothing else.
/// </summary>
internal sealed class ChannelRing
{
    private const int HeaderLength = 8;
    private const int GrantLength = 16;

    private readonly MemorySegment _bytes;
    private readonly SharedMemory _ours;
    private readonly SharedMemory _theirs;
    private readonly nuint _ourCount;
    private readonly nuint _theirCount;
    private uint _position;
    private uint _remaining;
    private uint _padding;

    /// <param name="bytes">The ring, a power of two long.</param>
    /// <param name="ours">This end's line of the header.</param>
    /// <param name="ourCount">Offset of this end's count in it.</param>
    /// <param name="theirs">The other end's line.</param>
    /// <param name="theirCount">Offset of the other end's count in it.</param>
    internal ChannelRing(MemorySegment bytes, SharedMemory ours, nuint ourCount, SharedMemory theirs, nuint theirCount)
    {
        _bytes = bytes;
        _ours = ours;
        _ourCount = ourCount;
        _theirs = theirs;
        _theirCount = theirCount;
    }

    /// <summary>Most bytes of a record.</summary>
    internal int MostBytes => (_bytes.Length / 2) - HeaderLength - (MessageChannel.MaxGrants * GrantLength);

    private uint Length => (uint)_bytes.Length;

    /// <summary>Starts again with an empty ring.</summary>
    internal void Reset()
    {
        _position = 0;
        _remaining = 0;
        _padding = 0;
        _ours.ReleaseUInt32(_ourCount, 0);
    }

    /// <summary>Writes a record.</summary>
    /// <returns>False where there is no room yet.</returns>
    /// <exception cref="IOException">The reader took more than there was.</exception>
    internal bool TryWrite(ReadOnlySpan<byte> bytes, ReadOnlySpan<ChannelObject> grants)
    {
        uint used = _position - _theirs.AcquireUInt32(_theirCount);
        if (used > Length)
        {
            throw new IOException($"the peer took {_position - used} bytes of a channel that holds {_position}; it breaks the ring");
        }

        uint total = HeaderLength + ((uint)grants.Length * GrantLength) + Padded((uint)bytes.Length);
        if (total > Length - used)
        {
            return false;
        }

        Span<byte> head = stackalloc byte[HeaderLength + (MessageChannel.MaxGrants * GrantLength)];
        BinaryPrimitives.WriteInt32LittleEndian(head, bytes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], grants.Length);
        MemoryMarshal.AsBytes(grants).CopyTo(head[HeaderLength..]);
        head = head[..(HeaderLength + (grants.Length * GrantLength))];
        Put(_position, head);
        Put(_position + (uint)head.Length, bytes);
        _position += total;
        _ours.ReleaseUInt32(_ourCount, _position);
        return true;
    }

    /// <summary>Reads bytes of one record, and the grants that came with the first of them.</summary>
    /// <returns>Number of bytes; 0 where there is no record.</returns>
    /// <exception cref="IOException">The writer breaks the ring.</exception>
    internal int Read(Span<byte> buffer, ICollection<ChannelObject> grants)
    {
        if (_remaining == 0 && !TryBegin(grants))
        {
            return 0;
        }

        int count = (int)Math.Min(_remaining, (uint)buffer.Length);
        Get(_position, buffer[..count]);
        _position += (uint)count;
        _remaining -= (uint)count;
        if (_remaining == 0)
        {
            _position += _padding;
        }

        _ours.ReleaseUInt32(_ourCount, _position);
        return count;
    }

    private static uint Padded(uint length) => (length + 7) & ~7u;

    private bool TryBegin(ICollection<ChannelObject> grants)
    {
        uint used = _theirs.AcquireUInt32(_theirCount) - _position;
        if (used == 0)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[HeaderLength];
        Get(_position, header);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(header);
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        if (used > Length || used % 8 != 0 || length == 0 || length > Length || count > MessageChannel.MaxGrants
            || HeaderLength + (count * GrantLength) + Padded(length) > used)
        {
            throw new IOException($"a record of {length} bytes and {count} grants in {used} bytes of a channel that has room for {Length} breaks the ring; at most {MessageChannel.MaxGrants} grants are possible");
        }

        Span<ChannelObject> named = stackalloc ChannelObject[MessageChannel.MaxGrants];
        named = named[..(int)count];
        Get(_position + HeaderLength, MemoryMarshal.AsBytes(named));
        foreach (ChannelObject grant in named)
        {
            grants.Add(grant);
        }

        _position += HeaderLength + (count * GrantLength);
        _remaining = length;
        _padding = Padded(length) - length;
        return true;
    }

    private void Put(uint position, ReadOnlySpan<byte> bytes)
    {
        int start = (int)(position & (Length - 1));
        int first = Math.Min(bytes.Length, _bytes.Length - start);
        bytes[..first].CopyTo(_bytes.Slice(start, first).AsSpan());
        bytes[first..].CopyTo(_bytes.AsSpan());
    }

    private void Get(uint position, Span<byte> bytes)
    {
        int start = (int)(position & (Length - 1));
        int first = Math.Min(bytes.Length, _bytes.Length - start);
        _bytes.Slice(start, first).AsSpan().CopyTo(bytes);
        _bytes.Slice(0, bytes.Length - first).AsSpan().CopyTo(bytes[first..]);
    }
}
