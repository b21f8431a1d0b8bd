namespace Makatea.Platform;

/// <summary>Opens what a component was granted as block devices. The composition root provides it; backends ask for it.</summary>
public interface IBlockDeviceOpener
{
    /// <summary>Opens the block device that <paramref name="device"/>'s options describe, with all its layers.</summary>
    /// <exception cref="ArgumentException">An option is missing, unknown or wrong; the message names it and says what is allowed.</exception>
    /// <exception cref="IOException">What was granted cannot be used as a block device; the message says why.</exception>
    BlockDevice Open(ManifestDevice device);
}
