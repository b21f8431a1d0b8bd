namespace Makatea.Vmm.Boot;

/// <summary>Puts a kernel and what it starts from into a guest's memory.</summary>
public static class KernelLoader
{
    private static ReadOnlySpan<byte> ElfMagic => [0x7f, (byte)'E', (byte)'L', (byte)'F'];

    /// <summary>
    /// Loads the kernel, the initramfs, the command line and the structures that the boot protocol wants: PVH where the image is an ELF file, Linux's 64-bit protocol where
    /// it is a bzImage.
    /// </summary>
    /// <returns>The state in which the first processor starts. The others wait for INIT and SIPI.</returns>
    /// <exception cref="BootException">The image is broken or of no kind that is known, or the guest's memory is too small.</exception>
    public static InitialCpuState Load(BootRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (request.Kernel.Length < SetupHeader.ImageLength)
        {
            throw new BootException($"the kernel image has {request.Kernel.Length} bytes; even its headers need {SetupHeader.ImageLength}");
        }

        Span<byte> head = stackalloc byte[4];
        ImageReader.Read(request.Kernel, "the kernel image", 0, head);
        return head.SequenceEqual(ElfMagic) ? PvhKernel.Load(request) : LinuxKernel.Load(request);
    }
}
