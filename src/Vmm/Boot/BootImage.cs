namespace Makatea.Vmm.Boot;

/// <summary>
/// A file that a guest is started from, a kernel or an initramfs. It is read piece by piece and straight into the guest's memory: it may be larger than what the VMM has.
/// Whoever wrote it may be hostile and may change it meanwhile, so each piece that decides something is read once.
/// </summary>
public abstract class BootImage
{
    /// <summary>Length in bytes.</summary>
    public abstract ulong Length { get; }

    /// <summary>An image in memory.</summary>
    public static BootImage FromMemory(ReadOnlyMemory<byte> bytes) => new MemoryImage(bytes);

    /// <summary>Reads all of <paramref name="destination"/>.</summary>
    /// <exception cref="IOException">There is less, or it cannot be read.</exception>
    public abstract void Read(ulong offset, Span<byte> destination);

    private sealed class MemoryImage(ReadOnlyMemory<byte> bytes) : BootImage
    {
        public override ulong Length => (ulong)bytes.Length;

        public override void Read(ulong offset, Span<byte> destination)
        {
            if (offset > Length || (ulong)destination.Length > Length - offset)
            {
                throw new EndOfStreamException($"{destination.Length} bytes at {offset} of an image of {Length}");
            }

            bytes.Span.Slice((int)offset, destination.Length).CopyTo(destination);
        }
    }
}
