using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Domains.Storage;

/// <summary>
/// The map of an open overlay. Every grain that a completed write made the overlay's is in it before the write completes. Where it lies in memory that outlives this
/// component, and the component is killed and started again, it goes on from there and nothing that was completed is lost.
/// <code>
///  0 magic "MKOVLMAP"   8 grains   16 grain size in bytes   24 overlay's GUID (0: volatile)      4096 bitmap
/// </code>
/// </summary>
internal sealed class LiveMap : IDisposable
{
    public const int HeaderLength = 4096;

    private readonly MappedMemory _memory;
    private readonly OverlayFormat _format;

    /// <summary>Takes over <paramref name="memory"/>; null makes some that ends with the component.</summary>
    /// <exception cref="OverlayException">It is too small.</exception>
    public LiveMap(OverlayFormat format, MappedMemory? memory)
    {
        _format = format;
        if (format.MapLength > int.MaxValue - HeaderLength)
        {
            throw new OverlayException($"a base of {format.SectorCount} sectors is too large: the map of an overlay has at most 2 GiB");
        }

        if (memory is not null && memory.Length < (ulong)format.MapLength + HeaderLength)
        {
            throw new OverlayException($"the memory for the overlay's map has {memory.Length} bytes, and {format.MapLength + HeaderLength} are needed");
        }

        _memory = memory ?? new HeapMemory((int)format.MapLength + HeaderLength);
        Grains = new GrainMap(_memory.Slice(HeaderLength, (int)format.MapLength));
    }

    /// <summary>Grains that are the overlay's.</summary>
    public GrainMap Grains { get; }

    private static ReadOnlySpan<byte> Magic => "MKOVLMAP"u8;

    private Span<byte> Header => _memory.Slice(0, HeaderLength).AsSpan();

    /// <summary>Whether the memory holds the map of overlay <paramref name="id"/> from before; false where it is new.</summary>
    /// <exception cref="OverlayException">It holds something else.</exception>
    public bool Holds(Guid id)
    {
        if (!Header.ContainsAnyExcept((byte)0))
        {
            return false;
        }

        byte[] expected = new byte[HeaderLength];
        Encode(expected, id);
        return Header.SequenceEqual(expected) ? true : throw new OverlayException("the memory for the overlay's map holds another overlay's; give it one of its own, zeroed");
    }

    /// <summary>Says that the map is complete, so that it can be gone on from.</summary>
    public void Begin(Guid id)
    {
        byte[] header = new byte[HeaderLength];
        Encode(header, id);
        header.AsSpan(Magic.Length).CopyTo(Header[Magic.Length..]);
        Thread.MemoryBarrier();
        Magic.CopyTo(Header);
    }

    public void Dispose() => _memory.Dispose();

    private void Encode(Span<byte> header, Guid id)
    {
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], _format.Grains);
        BinaryPrimitives.WriteInt32LittleEndian(header[16..], _format.GrainSize);
        id.TryWriteBytes(header[24..]);
    }
}
