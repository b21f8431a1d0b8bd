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
    private static readonly TimeSpan _unplugTime = TimeSpan.FromSeconds(1);

    private readonly string _root;
    private readonly string? _previousDriver;
    private readonly string? _previousOverride;
    private bool _disposed;

    private VfioBinding(string root, PciAddress address, string? previousDriver, string? previousOverride)
    {
        _root = root;
        Address = address;
        _previousDriver = previousDriver;
        _previousOverride = previousOverride;
    }

    /// <summary>The function.</summary>
    public PciAddress Address { get; }

    /// <summary>What was done, for the user: <c>bound 0000:00:04.0 to vfio-pci (it was nvme's)</c>.</summary>
    public string Description => WasBound
        ? $"{Address} is bound to {Driver} already and stays so"
        : $"bound {Address} to {Driver} ({(_previousDriver is null ? "it had no driver" : $"it was {_previousDriver}'s")}); it is given back at the end";

    /// <summary>It was bound to vfio-pci before, and will stay so.</summary>
    public bool WasBound => _previousDriver == Driver;

    /// <summary>Binds a function. Others of its IOMMU group are left as they are.</summary>
    /// <exception cref="IOException">It is in use, there is none, or Linux refuses; the message says what to do. It is as it was then.</exception>
    public static VfioBinding Bind(PciAddress address) => Bind(SysfsPci.Root, "/proc", address);

    /// <summary>As <see cref="Bind(PciAddress)"/>, with sysfs and proc elsewhere.</summary>
    internal static VfioBinding Bind(string root, string proc, PciAddress address)
    {
        string folder = SysfsPci.Folder(root, address);
        if (!Directory.Exists(folder))
        {
            throw new IOException($"there is no function {address}; 'makatea devices' lists them");
        }

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
            Move(_previousOverride, _previousDriver);
        }
        catch (IOException) when (IsUnplugged())
        {
            // Nobody has it any more.
        }
    }

    /// <summary>Whether the function went away, or is about to: it leaves when the last who had it closed it.</summary>
    private bool IsUnplugged()
    {
        string folder = SysfsPci.Folder(_root, Address);
        long started = TimeProvider.System.GetTimestamp();
        while (Directory.Exists(folder) && TimeProvider.System.GetElapsedTime(started) < _unplugTime)
        {
            Thread.Sleep(10);
        }

        return !Directory.Exists(folder);
    }

    private void Move(string? driverOverride, string? driver)
    {
        string folder = SysfsPci.Folder(_root, Address);

        // An end of line alone takes the override away.
        Write(Path.Combine(folder, "driver_override"), driverOverride ?? "\n");
        if (SysfsPci.DriverOf(_root, Address) is { } current && current != driver)
        {
            Write(Path.Combine(folder, "driver/unbind"), Address.ToString());
        }

        if (driver is null || SysfsPci.DriverOf(_root, Address) == driver)
        {
            return;
        }

        Write(Path.Combine(_root, "bus/pci/drivers_probe"), Address.ToString());

        // Some drivers take the function a moment later, by a work of their own.
        long started = TimeProvider.System.GetTimestamp();
        while (SysfsPci.DriverOf(_root, Address) != driver)
        {
            if (TimeProvider.System.GetElapsedTime(started) > _patience)
            {
                throw new IOException($"{Address} was not taken by {driver} but by {SysfsPci.DriverOf(_root, Address) ?? "nobody"}; the kernel's log (dmesg) may say why");
            }

            Thread.Sleep(10);
        }
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
