namespace Makatea.Platform;

/// <summary>Opens what a component was granted as block devices. The composition root provides it; backends ask for it.</summary>
public interface IBlockDeviceOpener
{
    /// <summary>Opens the block device that <paramref name="device"/>'s options describe, with all its layers.</summary>
    /// <param name="device">The device.</param>
    /// <param name="backendOptions">Names of the options that the backend understands itself; any other has to be the opener's.</param>
    /// <exception cref="ArgumentException">An option is missing, unknown or wrong; the message names it and says what is allowed.</exception>
    /// <exception cref="GrantException">A grant is not what it was said to be.</exception>
    /// <exception cref="IOException">What was granted cannot be used as a block device; the message says why.</exception>
    BlockDevice Open(ManifestDevice device, IReadOnlyCollection<string> backendOptions);
}
