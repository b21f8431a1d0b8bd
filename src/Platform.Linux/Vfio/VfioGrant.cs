using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// A function of VFIO that is on its way to a component: reset, in a DMA space of its own in which nothing is mapped, and open under two descriptors alone. When the last copies of
/// them are closed, however their holder ended, the kernel switches the function off and unmaps all that it reached.
/// </summary>
public sealed class VfioGrant : IDisposable
{
    private VfioGrant(SafeFileHandle device, SafeFileHandle space, VfioInterface kind)
    {
        Device = device;
        Space = space;
        Interface = kind;
    }

    /// <summary>The function.</summary>
    public SafeFileHandle Device { get; }

    /// <summary>Its DMA space: a container, or an iommufd.</summary>
    public SafeFileHandle Space { get; }

    /// <summary>The kernel's interface to the space.</summary>
    public VfioInterface Interface { get; }

    /// <summary>Opens a function that is bound to vfio-pci and that nobody has.</summary>
    /// <exception cref="IOException">It cannot be had; the message says why and what to do.</exception>
    public static VfioGrant Open(PciAddress address)
    {
        using var space = VfioDmaSpace.Create();
        using VfioFunction function = space.Open(address);
        function.Reset();
        SafeFileHandle device = Duplicate(function.Device);
        try
        {
            return new VfioGrant(device, Duplicate(space.Handle), space.Interface);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Closes the two descriptors. Whoever was given copies keeps them.</summary>
    public void Dispose()
    {
        Device.Dispose();
        Space.Dispose();
    }

    private static SafeFileHandle Duplicate(SafeFileHandle handle)
    {
        bool held = false;
        handle.DangerousAddRef(ref held);
        try
        {
            int copy = Libc.Fcntl((int)handle.DangerousGetHandle(), Libc.F_DUPFD_CLOEXEC, 0);
            return copy >= 0 ? new SafeFileHandle(copy, ownsHandle: true) : throw LinuxError.Io("cannot duplicate a descriptor of VFIO", "fcntl", Errno.Last);
        }
        finally
        {
            handle.DangerousRelease();
        }
    }
}
