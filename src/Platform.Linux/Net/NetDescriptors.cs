using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// What a port on a network interface of the host consists of, opened by whoever may and granted to a component that opens nothing: it lies in two slots of its rights, one after the other.
/// </summary>
/// <param name="Device">The TAP device or packet socket.</param>
/// <param name="Link">A netlink socket of the interface's namespace.</param>
public sealed record NetDescriptors(SafeFileHandle Device, SafeFileHandle Link) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Device.Dispose();
        Link.Dispose();
    }
}
