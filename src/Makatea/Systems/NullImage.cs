namespace Makatea.Systems;

/// <summary>
/// A device that stores nothing, for measuring: written <c>null:SIZE</c> wherever a disk's file can be. A file of that name is written <c>./null:SIZE</c>.
/// </summary>
internal static class NullImage
{
    private const ulong Maximum = 1ul << 50;

    /// <summary>Whether <paramref name="image"/> names a null device.</summary>
    /// <param name="image">As written.</param>
    /// <param name="size">Its size in bytes.</param>
    /// <param name="problem">What is wrong with the size, or null.</param>
    public static bool TryParse(string image, out ulong size, out string? problem)
    {
        size = 0;
        problem = null;
        if (!image.StartsWith(DiskDescription.NullPrefix, StringComparison.Ordinal))
        {
            return false;
        }

        if (!SizeShape.TryParse(image[DiskDescription.NullPrefix.Length..], out decimal bytes) || bytes < 512 || bytes > Maximum || bytes % 512 != 0)
        {
            problem = $"found '{image}', expected {DiskDescription.NullPrefix}SIZE with a size from 1K to {SizeShape.Format(Maximum)} in whole sectors of 512 bytes, such as null:1G";
            return true;
        }

        size = (ulong)bytes;
        return true;
    }
}
