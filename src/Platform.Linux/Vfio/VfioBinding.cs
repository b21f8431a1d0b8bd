namespace Makatea.Platform.Linux;

/// <summary>
/// A function that was taken from its driver and bound to vfio-pci, and is given back when this is disposed. What its driver serves (mounted disks, interfaces that are up) is
/// looked at first, and nothing is taken that is in use.
/// </summary>
public sealed class VfioBinding : IDisposable
{
    private const string Driver = "vfio-pci";
    private const string NoOverride = "(null)";
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _probeTime = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _unplugTime = TimeSpan.FromSeconds(1);

    private readonly string _root;
    private readonly string? _previousOverride;
    private bool _disposed;

    private VfioBinding(string root, PciAddress address, string? previousDriver, string? previousOverride)
    {
        _root = root;
        Address = address;
        PreviousDriver = previousDriver;
        _previousOverride = previousOverride;
    }

    /// <summary>The function.</summary>
    public PciAddress Address { get; }

    /// <summary>The driver that it was taken from; null where it had none.</summary>
    public string? PreviousDriver { get; }

    /// <summary>What was done, for the user: <c>bound 0000:00:04.0 to vfio-pci (it was nvme's)</c>.</summary>
    public string Description => WasBound
        ? $"{Address} is bound to {Driver} already and stays so; 'makatea devices --give-back {Address}' gives it to the kernel's own driver"
        : $"bound {Address} to {Driver} ({(PreviousDriver is null ? "it had no driver" : $"it was {PreviousDriver}'s")}); it is given back at the end";

    /// <summary>It was bound to vfio-pci before, and will stay so.</summary>
    public bool WasBound => PreviousDriver == Driver;

    /// <summary>
    /// Gives a function that is bound to vfio-pci, and that nobody has open, to the driver that the kernel would choose: for one that a program bound which was killed.
    /// </summary>
    /// <returns>The driver that took it; null where none did.</returns>
    /// <exception cref="IOException">It is not vfio-pci's, somebody has it, or Linux refuses.</exception>
    public static string? GiveBack(PciAddress address) => GiveBack(SysfsPci.Root, address);

    /// <summary>As <see cref="GiveBack(PciAddress)"/>, with sysfs elsewhere.</summary>
    internal static string? GiveBack(string root, PciAddress address)
    {
        Require(root, address);
        if (SysfsPci.DriverOf(root, address) is var driver && driver != Driver)
        {
            throw new IOException($"{address} is not bound to {Driver}: {(driver is null ? "it has no driver" : $"it is {driver}'s")}");
        }

        // Unbinding would wait until it is closed.
        if (SysfsPci.GroupOf(root, address) is { } group && VfioGroup.IsTaken(group))
        {
            throw new IOException($"{address} is in use: a process has its IOMMU group {group} open; end that first ('makatea ls' lists the systems that run)");
        }

        var binding = new VfioBinding(root, address, driver, null);
        binding.Unbind(null);
        binding.Write(Path.Combine(root, "bus/pci/drivers_probe"), address.ToString());
        _ = TryAwait(() => SysfsPci.DriverOf(root, address) is not (null or Driver), _probeTime);
        return SysfsPci.DriverOf(root, address);
    }

    /// <summary>Binds a function. Others of its IOMMU group are left as they are.</summary>
    /// <exception cref="IOException">It is in use, there is none, or Linux refuses; the message says what to do. It is as it was then.</exception>
    public static VfioBinding Bind(PciAddress address) => Bind(SysfsPci.Root, "/proc", address);

    /// <summary>As <see cref="Bind(PciAddress)"/>, with sysfs and proc elsewhere.</summary>
    internal static VfioBinding Bind(string root, string proc, PciAddress address)
    {
        string folder = Require(root, address);
        string? driver = SysfsPci.DriverOf(root, address);
        string? previous = SysfsPci.Read(Path.Combine(folder, "driver_override"));
        var binding = new VfioBinding(root, address, driver, previous is NoOverride or "" ? null : previous);
        if (binding.WasBound)
        {
            return binding;
        }

        if (PciUse.Of(root, proc, address) is [string use, ..])
        {
            throw new IOException($"{address} is in use: {use}; end that first");
        }

        if (!Directory.Exists(Path.Combine(root, "bus/pci/drivers", Driver)))
        {
            throw new IOException($"this kernel has no driver {Driver}; load it (modprobe {Driver})");
        }

        try
        {
            binding.Move(Driver, Driver);
            return binding;
        }
        catch
        {
            binding.Dispose();
            throw;
        }
    }

    /// <summary>Gives the function back to the driver that it had, where it is still there.</summary>
    /// <exception cref="IOException">Linux refuses.</exception>
    public void Dispose()
    {
        if (_disposed || WasBound)
        {
            return;
        }

        _disposed = true;
        try
        {
            Move(_previousOverride, PreviousDriver);
        }
        catch (IOException) when (IsUnplugged())
        {
            // Nobody has it any more.
        }
    }

    /// <returns>The function's folder.</returns>
    private static string Require(string root, PciAddress address)
    {
        string folder = SysfsPci.Folder(root, address);
        return Directory.Exists(folder) ? folder : throw new IOException($"there is no function {address}; 'makatea devices' lists them");
    }

    /// <summary>Whether the function went away, or is about to: it leaves when the last who had it closed it.</summary>
    private bool IsUnplugged()
    {
        string folder = SysfsPci.Folder(_root, Address);
        return TryAwait(() => !Directory.Exists(folder), _unplugTime);
    }

    private void Move(string? driverOverride, string? driver)
    {
        if (SysfsPci.DriverOf(_root, Address) != driver)
        {
            Unbind(driverOverride);
        }
        else
        {
            Override(driverOverride);
        }

        if (driver is null || SysfsPci.DriverOf(_root, Address) == driver)
        {
            return;
        }

        Write(Path.Combine(_root, "bus/pci/drivers_probe"), Address.ToString());

        // Some drivers take the function a moment later, by a work of their own.
        if (!TryAwait(() => SysfsPci.DriverOf(_root, Address) == driver, _patience))
        {
            throw new IOException($"{Address} was not taken by {driver} but by {SysfsPci.DriverOf(_root, Address) ?? "nobody"}; the kernel's log (dmesg) may say why");
        }
    }

    /// <summary>Takes the function from its driver, and names the only one that may have it next, or any.</summary>
    private void Unbind(string? driverOverride)
    {
        Override(driverOverride);
        if (SysfsPci.DriverOf(_root, Address) is not null)
        {
            Write(Path.Combine(SysfsPci.Folder(_root, Address), "driver/unbind"), Address.ToString());
        }
    }

    // An end of line alone takes the override away.
    private void Override(string? driver) => Write(Path.Combine(SysfsPci.Folder(_root, Address), "driver_override"), driver ?? "\n");

    private static bool TryAwait(Func<bool> holds, TimeSpan time)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (!holds())
        {
            if (TimeProvider.System.GetElapsedTime(started) > time)
            {
                return false;
            }

            Thread.Sleep(10);
        }

        return true;
    }

    private void Write(string path, string text)
    {
        try
        {
            File.WriteAllText(path, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"cannot bind {Address}: {path}: {e.Message}{(e is UnauthorizedAccessException ? "; be root" : "")}", e);
        }
    }
}
