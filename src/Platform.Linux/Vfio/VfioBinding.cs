namespace Makatea.Platform.Linux;

/// <summary>
/// A function that was taken from its driver, for VFIO or for no driver at all, and is given back when this is disposed. What its driver serves (mounted disks, interfaces that are up)
/// is looked at first, and nothing is taken that is in use.
/// </summary>
public sealed class VfioBinding : IDisposable
{
    private const string Vfio = "vfio-pci";
    private const string Nobody = "none";
    private static readonly TimeSpan _probeTime = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _unplugTime = TimeSpan.FromSeconds(1);

    private readonly DriverSwitch _driver;
    private readonly string? _target;
    private readonly string? _previousOverride;
    private bool _disposed;

    private VfioBinding(DriverSwitch driver, PciAddress address, string? target)
    {
        _driver = driver;
        _target = target;
        Address = address;
        PreviousDriver = driver.Current;
        _previousOverride = driver.Override;
    }

    /// <summary>The function.</summary>
    public PciAddress Address { get; }

    /// <summary>The driver that it was taken from; null where it had none.</summary>
    public string? PreviousDriver { get; }

    /// <summary>What was done, for the user: <c>bound 0000:00:04.0 to vfio-pci (it was nvme's)</c>.</summary>
    public string Description => WasBound
        ? $"{Address} {(_target is null ? "has no driver" : $"is bound to {_target} already")} and stays so; 'makatea devices --give-back {Address}' gives it to the kernel's own driver"
        : $"{(_target is null ? $"took {Address} from its driver" : $"bound {Address} to {_target}")} ({(PreviousDriver is null ? "it had no driver" : $"it was {PreviousDriver}'s")}); it is given back at the end";

    /// <summary>It was as it is now, and will stay so.</summary>
    public bool WasBound => PreviousDriver == _target;

    /// <summary>Binds a function to vfio-pci. Others of its IOMMU group are left as they are.</summary>
    /// <exception cref="IOException">It is in use, there is none, or Linux refuses; the message says what to do. It is as it was then.</exception>
    public static VfioBinding Bind(PciAddress address) => Take(SysfsPci.Root, "/proc", address, Vfio);

    /// <summary>Takes a function from its driver, so that none has it.</summary>
    /// <exception cref="IOException">It is in use, there is none, or Linux refuses; the message says what to do. It is as it was then.</exception>
    public static VfioBinding Detach(PciAddress address) => Take(SysfsPci.Root, "/proc", address, null);

    /// <summary>It was unplugged.</summary>
    public bool IsGone => !_driver.IsThere;

    /// <summary>
    /// Gives a function that is bound to vfio-pci or to nobody, and that nobody has open, to the driver that the kernel would choose: for one that a program took which was killed.
    /// </summary>
    /// <returns>The driver that took it; null where none did.</returns>
    /// <exception cref="IOException">A driver has it, somebody has it open, or Linux refuses.</exception>
    public static string? GiveBack(PciAddress address) => GiveBack(SysfsPci.Root, address);

    /// <summary>As <see cref="GiveBack(PciAddress)"/>, with sysfs elsewhere.</summary>
    internal static string? GiveBack(string root, PciAddress address)
    {
        DriverSwitch driver = Find(root, address);
        if (driver.Current is not (null or Vfio))
        {
            throw new IOException($"{address} is {driver.Current}'s; there is nothing to give back");
        }

        // Unbinding would wait until it is closed.
        if (driver.Current == Vfio && SysfsPci.GroupOf(root, address) is { } group && IsTaken(root, address, group))
        {
            throw new IOException($"{address} is in use: a process has its IOMMU group {group} open; end that first ('makatea ls' lists the systems that run)");
        }

        driver.Unbind(null);
        driver.Probe();
        _ = DriverSwitch.TryAwait(() => driver.Current is not (null or Vfio), _probeTime);
        return driver.Current;
    }

    /// <summary>Takes a function for a driver, with sysfs and proc elsewhere.</summary>
    internal static VfioBinding Take(string root, string proc, PciAddress address, string? target)
    {
        var binding = new VfioBinding(Find(root, address), address, target);
        if (binding.WasBound)
        {
            return binding;
        }

        if (PciUse.Of(root, proc, address) is [string use, ..])
        {
            throw new IOException($"{address} is in use: {use}; end that first");
        }

        if (target is not null && !Directory.Exists(Path.Combine(root, "bus/pci/drivers", target)))
        {
            throw new IOException($"this kernel has no driver {target}; load it (modprobe {target})");
        }

        try
        {
            binding._driver.Move(target, target ?? Nobody);
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
            _driver.Move(PreviousDriver, _previousOverride);
        }
        catch (IOException) when (DriverSwitch.TryAwait(() => !_driver.IsThere, _unplugTime))
        {
            // It was unplugged, or is about to be: it leaves when the last who had it closed it.
        }
    }

    private static bool IsTaken(string root, PciAddress address, int group) =>
        VfioGroup.IsTaken(group) ?? (SysfsPci.VfioDeviceOf(root, address) is not null && IommufdSpace.IsTaken(address));

    private static DriverSwitch Find(string root, PciAddress address)
    {
        var driver = new DriverSwitch(root, address);
        return driver.IsThere ? driver : throw new IOException($"there is no function {address}; 'makatea devices' lists them");
    }
}
