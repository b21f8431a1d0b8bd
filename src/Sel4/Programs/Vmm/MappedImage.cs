using Makatea.Platform;
using Makatea.Vmm.Boot;

namespace Makatea.Sel4.Programs;

/// <summary>A kernel or an initramfs in a file of the archive.</summary>
internal sealed class MappedImage(MappedMemory file) : BootImage
{
    /// <inheritdoc/>
    public override ulong Length => file.Length;

    /// <inheritdoc/>
    public override void Read(ulong offset, Span<byte> destination) => file.Slice(offset, destination.Length).AsSpan().CopyTo(destination);
}
