namespace Makatea.Platform.Linux;

/// <summary>Moves a function from one driver of the kernel to another, by sysfs.</summary>
internal sealed class DriverSwitch(string root, PciAddress address)
{
    private const string NoOverride = "(null)";
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);

    private readonly string _folder = SysfsPci.Folder(root, address);

    /// <summary>The driver that has it, or null.</summary>
    internal string? Current => SysfsPci.DriverOf(root, address);

    /// <summary>The only driver that may have it, or null where any may.</summary>
    internal string? Override => SysfsPci.Read(Path.Combine(_folder, "driver_override")) is var name && name is NoOverride or "" ? null : name;

    /// <summary>Whether it is still there.</summary>
    internal bool IsThere => Directory.Exists(_folder);

    /// <summary>Moves it.</summary>
    /// <param name="driver">The driver that is to have it, or null for none.</param>
    /// <param name="only">The only one that may from now on, or null for any.</param>
    /// <exception cref="IOException">Linux refuses.</exception>
    internal void Move(string? driver, string? only)
    {
        if (Current == driver)
        {
            SetOverride(only);
            return;
        }

        Unbind(only);
        if (driver is null)
        {
            return;
        }

        Probe();

        // Some drivers take the function a moment later, by a work of their own.
        if (!TryAwait(() => Current == driver, _patience))
        {
            throw new IOException($"{address} was not taken by {driver} but by {Current ?? "nobody"}; the kernel's log (dmesg) may say why");
        }
    }

    /// <summary>Takes the function from its driver, and names the only one that may have it next, or any.</summary>
    internal void Unbind(string? only)
    {
        SetOverride(only);
        if (Current is not null)
        {
            Write(Path.Combine(_folder, "driver/unbind"), address.ToString());
        }
    }

    /// <summary>Lets the drivers that may have it look at it.</summary>
    internal void Probe() => Write(Path.Combine(root, "bus/pci/drivers_probe"), address.ToString());

    /// <summary>Waits until something holds.</summary>
    internal static bool TryAwait(Func<bool> holds, TimeSpan time)
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

    // An end of line alone takes the override away.
    private void SetOverride(string? driver) => Write(Path.Combine(_folder, "driver_override"), driver ?? "\n");

    private void Write(string path, string text)
    {
        try
        {
            File.WriteAllText(path, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"cannot bind {address}: {path}: {e.Message}{(e is UnauthorizedAccessException ? "; be root" : "")}", e);
        }
    }
}
