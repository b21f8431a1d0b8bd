namespace Makatea.Vmm.Boot;

/// <summary>Reads images; what goes wrong has one type.</summary>
internal static class ImageReader
{
    internal static void Read(BootImage image, string what, ulong offset, Span<byte> destination)
    {
        try
        {
            image.Read(offset, destination);
        }
        catch (IOException e)
        {
            throw new BootException($"{what}: {destination.Length} bytes at offset {offset} cannot be read: {e.Message}", e);
        }
    }
}
