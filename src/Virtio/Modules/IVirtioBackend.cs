using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>Makes devices of one kind. Registered by a module under a name; <see cref="ManifestDevice.Backend"/> refers to it.</summary>
public interface IVirtioBackend
{
    /// <summary>Makes a device with the options of <paramref name="device"/>.</summary>
    /// <exception cref="ArgumentException">An option is missing, unknown or wrong; the message names it and says what is allowed.</exception>
    VirtioDevice Create(ManifestDevice device);
}
