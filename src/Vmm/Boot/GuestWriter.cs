using System.Buffers.Binary;
using Makatea.Platform;

namespace Makatea.Vmm.Boot;

/// <summary>Fills a guest's memory before it runs.</summary>
internal readonly struct GuestWriter(GuestMemory memory)
{
    private const int Piece = 64 << 20;

    internal void Write(ulong address, ReadOnlySpan<byte> bytes) => bytes.CopyTo(At(address, bytes.Length));

    internal void WriteUInt64(ulong address, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(At(address, sizeof(ulong)), value);

    internal void Clear(ulong address, ulong length)
    {
        for (ulong done = 0; done < length;)
        {
            int piece = (int)Math.Min(length - done, Piece);
            At(address + done, piece).Clear();
            done += (uint)piece;
        }
    }

    /// <summary>Copies a part of an image that is known to be inside it.</summary>
    /// <exception cref="BootException">It cannot be read, or is shorter by now.</exception>
    internal void Copy(BootImage image, string what, ulong offset, ulong address, ulong length)
    {
        for (ulong done = 0; done < length;)
        {
            int piece = (int)Math.Min(length - done, Piece);
            ImageReader.Read(image, what, offset + done, At(address + done, piece));
            done += (uint)piece;
        }
    }

    private Span<byte> At(ulong address, int length) => memory.TryTranslate(address, length, MemoryAccess.ReadWrite, out MemorySegment segment)
        ? segment.AsSpan()
        : throw new BootException($"{length} bytes at 0x{address:x} are to be written; the guest's memory does not have them in one piece");
}
