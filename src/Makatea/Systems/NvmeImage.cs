using System.Globalization;

namespace Makatea.Systems;

/// <summary>
/// A namespace of its domain's NVMe controller: written <c>nvme:ID</c> wherever a disk's file can be. A file of that name is written <c>./nvme:ID</c>.
/// </summary>
internal static class NvmeImage
{
    /// <summary>What a domain's controller is, in the place of a PCI address: a device model.</summary>
    public const string Emulated = "emulated";

    private const string Prefix = "nvme:";

    /// <summary>Whether <paramref name="image"/> names a namespace.</summary>
    /// <param name="image">As written.</param>
    /// <param name="id">Its identifier, from 1.</param>
    /// <param name="problem">What is wrong with it, or null.</param>
    public static bool TryParse(string image, out int id, out string? problem)
    {
        id = 0;
        problem = null;
        if (!image.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        if (!int.TryParse(image[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out id) || id == 0)
        {
            problem = $"found '{image}', expected {Prefix}ID with the identifier of a namespace, such as nvme:1";
        }

        return true;
    }
}
