namespace Makatea.Vmm.Boot;

/// <summary>Places the initial file system.</summary>
internal static class Initramfs
{
    private const ulong PageMask = 0xfff;

    /// <summary>Loads it as high as possible, out of the way of what the kernel takes.</summary>
    /// <param name="request">What is started.</param>
    /// <param name="writer">The guest's memory.</param>
    /// <param name="from">Memory is free from here on.</param>
    /// <param name="limit">The kernel wants it to end here at the latest.</param>
    /// <returns>Where it is; empty where there is none.</returns>
    /// <exception cref="BootException">There is no room.</exception>
    internal static AddressRange Load(BootRequest request, GuestWriter writer, ulong from, ulong limit)
    {
        if (request.Initramfs is not { } image)
        {
            return default;
        }

        ulong length = image.Length;
        ulong end = Math.Min(limit, request.Layout.LowMemory.End);
        from = (from + PageMask) & ~PageMask;
        if (end < from || length > end - from)
        {
            throw new BootException($"the initramfs has {length} bytes; from 0x{from:x}, behind the kernel, to 0x{end:x} there is room for {(end < from ? 0 : end - from)}");
        }

        AddressRange place = new((end - length) & ~PageMask, length);
        writer.Copy(image, "the initramfs", 0, place.First, length);
        return place;
    }
}
