using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>A TAP device: the kernel's stack, or whatever it bridges the device to, is at the other end of a cable.</summary>
/// <remarks>The kernel's end has the interface's address; this end has one of its own, made from it.</remarks>
public sealed unsafe class TapPort : KernelPort
{
    private const ulong LocallyAdministered = 0x0200_0000_0000;

    private TapPort(NetDescriptors descriptors, string name)
        : base(descriptors.Device, descriptors.Link, name, 0) => StartWatching();

    /// <summary>Opens a TAP device, made where there is none, which then goes with the port. It is to be switched on with <c>ip link set NAME up</c>.</summary>
    /// <exception cref="IOException">It cannot be opened; the message says why.</exception>
    public static TapPort Open(string name) => Adopt(OpenDescriptors(name));

    /// <summary>Makes a port of descriptors from <see cref="OpenDescriptors"/>, which become the port's.</summary>
    /// <exception cref="IOException">They are not of a TAP device.</exception>
    public static TapPort Adopt(NetDescriptors descriptors)
    {
        ArgumentNullException.ThrowIfNull(descriptors);
        try
        {
            Libc.InterfaceRequest request = default;
            if (Libc.Ioctl(descriptors.Device, Libc.TUNGETIFF, &request) < 0)
            {
                throw LinuxError.Io("what was granted is no TAP device", "ioctl(TUNGETIFF)", Errno.Last);
            }

            string name = Encoding.UTF8.GetString(new ReadOnlySpan<byte>(request.Name, Libc.IFNAMSIZ).TrimEnd((byte)0));
            const short Needed = Libc.IFF_TAP | Libc.IFF_NO_PI | Libc.IFF_VNET_HDR;
            if ((request.Flags & Needed) != Needed)
            {
                throw new IOException($"{name} has the flags 0x{request.Flags:x}; it has to be a TAP device with IFF_NO_PI and IFF_VNET_HDR");
            }

            return new TapPort(descriptors, name);
        }
        catch
        {
            descriptors.Dispose();
            throw;
        }
    }

    /// <summary>Opens what a port is made of.</summary>
    /// <exception cref="IOException">It cannot be opened; the message says why.</exception>
    public static NetDescriptors OpenDescriptors(string name)
    {
        InterfaceName.Check(name);
        string what = $"cannot open the TAP device {name}";
        SafeFileHandle device = LinuxError.Descriptor(Libc.Open("/dev/net/tun", Libc.O_RDWR | Libc.O_CLOEXEC | Libc.O_NONBLOCK, 0), what, "open(/dev/net/tun)");
        try
        {
            Libc.InterfaceRequest request = new() { Flags = Libc.IFF_TAP | Libc.IFF_NO_PI | Libc.IFF_VNET_HDR };
            Encoding.UTF8.GetBytes(name, new Span<byte>(request.Name, Libc.IFNAMSIZ - 1));
            if (Libc.Ioctl(device, Libc.TUNSETIFF, &request) < 0)
            {
                int errno = Errno.Last;
                throw LinuxError.Io(what, "ioctl(TUNSETIFF)", errno, errno switch
                {
                    Errno.EPERM => $"have root make it for this user: ip tuntap add {name} mode tap vnet_hdr user $(id -un)",
                    Errno.EBUSY => "somebody else has it",
                    Errno.EINVAL => "an interface of that name is no TAP device, or was made with other flags: ip tuntap add NAME mode tap vnet_hdr",
                    _ => null,
                });
            }

            int length = VnetHeader.Length;
            const uint Offloads = Libc.TUN_F_CSUM | Libc.TUN_F_TSO4 | Libc.TUN_F_TSO6 | Libc.TUN_F_TSO_ECN;
            if (Libc.Ioctl(device, Libc.TUNSETVNETHDRSZ, &length) < 0
                || (Libc.Ioctl(device, Libc.TUNSETOFFLOAD, (void*)(Offloads | Libc.TUN_F_USO4 | Libc.TUN_F_USO6)) < 0 && Libc.Ioctl(device, Libc.TUNSETOFFLOAD, (void*)Offloads) < 0))
            {
                throw LinuxError.Io(what, "ioctl", Errno.Last);
            }

            using LinkSocket link = LinkSocket.Create();
            return new NetDescriptors(device, link.Release());
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>The kernel hands out all that it sends to the device: there is nothing to choose.</summary>
    /// <inheritdoc/>
    public override void SetFilter(NetFilter filter) => ArgumentNullException.ThrowIfNull(filter);

    private protected override KernelQueue CreateQueue(SafeFileHandle handle, NetQueueOptions options) => new TapQueue(this, handle, options);

    private protected override MacAddress AddressFor(MacAddress address) => new((address.Value ^ 1) | LocallyAdministered);
}
