using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>
/// The rights of a component on Linux: descriptors that its process inherited, under the numbers that the manifest gives as <see cref="ManifestGrant.Slot"/>.
/// Whatever is made of one has a duplicate of its own.
/// </summary>
/// <param name="notice">Told in a sentence what the user may want to know of how a file is used; see <see cref="FileBlockOptions.Notice"/>.</param>
public sealed class LinuxGrants(Action<string>? notice = null) : ComponentGrants
{
    private const string Engine = "engine";
    private const string Direct = "direct";
    private const string Locking = "locking";

    /// <summary><c>engine</c>: a <see cref="FileEngine"/> in lower case; <c>direct</c>: <c>true</c> goes past the page cache;
    /// <c>locking</c>: a <see cref="FileLocking"/> in lower case.</summary>
    public override IReadOnlyCollection<string> FileOptions { get; } = [Engine, Direct, Locking];

    /// <inheritdoc/>
    public override Grant Open(ManifestGrant grant) => new LinuxGrant(Duplicate(grant));

    /// <inheritdoc/>
    public override BlockDevice OpenFile(ManifestGrant grant, IReadOnlyDictionary<string, string> options)
    {
        Require(grant, GrantType.File);
        var fileOptions = new FileBlockOptions
        {
            ReadOnly = (grant.Access & MemoryAccess.Write) == 0,
            Direct = OneOf(options, Direct, ["false", "true"]) == 1,
            Engine = (FileEngine)OneOf(options, Engine, [.. Enum.GetNames<FileEngine>().Select(n => n.ToLowerInvariant())]),
            Locking = (FileLocking)OneOf(options, Locking, [.. Enum.GetNames<FileLocking>().Select(n => n.ToLowerInvariant())]),
            Notice = notice,
        };
        return FileBlockDevice.Open(Duplicate(grant), fileOptions, grant.Name);
    }

    /// <inheritdoc/>
    public override ChannelListener OpenListener(ManifestGrant grant)
    {
        Require(grant, GrantType.Listener);
        return new LinuxGrant(Duplicate(grant)).OpenListener();
    }

    /// <summary>
    /// Opens a device function: its slot holds the descriptor of a VFIO device, and the slot after it that of its DMA space. Both are closed then, as nobody else may have a function
    /// that is to be let go of: it can be opened once.
    /// </summary>
    /// <inheritdoc/>
    public override PciFunction OpenFunction(ManifestGrant grant)
    {
        Require(grant, GrantType.Function);
        PciAddress.TryParse(grant.Name, out PciAddress address);
        SafeFileHandle device = Duplicate(grant);
        try
        {
            var space = VfioDmaSpace.Adopt(Duplicate(grant with { Slot = grant.Slot + 1 }));
            var function = VfioFunction.Adopt(device, space, address);
            Close(grant.Slot);
            Close(grant.Slot + 1);
            return function;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Opens a network interface: its slot holds a TAP device or packet socket, and the slot after it the netlink socket, as <see cref="NetDescriptors"/> has them.</summary>
    /// <inheritdoc/>
    public override NetPort OpenPort(ManifestGrant grant)
    {
        Require(grant, GrantType.Port);
        SafeFileHandle device = Duplicate(grant);
        SafeFileHandle link;
        try
        {
            link = Duplicate(grant with { Slot = grant.Slot + 1 });
        }
        catch
        {
            device.Dispose();
            throw;
        }

        var descriptors = new NetDescriptors(device, link);
        return FileKind.IsSocket(device) ? PacketPort.Adopt(descriptors) : TapPort.Adopt(descriptors);
    }

    private static void Close(int slot) => new SafeFileHandle(slot, ownsHandle: true).Dispose();

    private static SafeFileHandle Duplicate(ManifestGrant grant)
    {
        ArgumentNullException.ThrowIfNull(grant);
        int descriptor = grant.Slot < 0 ? -1 : Libc.Fcntl(grant.Slot, Libc.F_DUPFD_CLOEXEC, 0);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw new GrantException($"grant '{grant.Name}' ({grant.Type}): descriptor {grant.Slot} is not open in this process; whoever starts it has to leave it open across exec");
    }

    /// <returns>Index of the option's value, 0 where it is not given.</returns>
    private static int OneOf(IReadOnlyDictionary<string, string> options, string name, string[] values)
    {
        if (!options.TryGetValue(name, out string? value))
        {
            return 0;
        }

        int index = Array.IndexOf(values, value);
        return index >= 0 ? index : throw new ArgumentException($"option {name} is '{value}' and must be one of {string.Join(", ", values)}");
    }
}
