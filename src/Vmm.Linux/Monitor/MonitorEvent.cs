using System.Text.Json.Nodes;

namespace Makatea.Vmm.Linux.Monitor;

/// <summary>Something that happened to the qube, by QEMU's names.</summary>
/// <param name="Name">What.</param>
/// <param name="Data">More about it.</param>
internal sealed record MonitorEvent(string Name, JsonObject? Data = null)
{
    /// <summary>It stands still.</summary>
    public static MonitorEvent Stop { get; } = new("STOP");

    /// <summary>It goes on.</summary>
    public static MonitorEvent Resume { get; } = new("RESUME");

    /// <summary>Its power button was pressed.</summary>
    public static MonitorEvent PowerDown { get; } = new("POWERDOWN");

    /// <summary>It starts anew.</summary>
    /// <param name="byGuest">It asked for that itself.</param>
    public static MonitorEvent Reset(bool byGuest) => Of("RESET", byGuest, byGuest ? "guest-reset" : "host-qmp-system-reset");

    /// <summary>It ends, and its process with it.</summary>
    /// <param name="byGuest">Of its own will, or by its own fault.</param>
    /// <param name="reason">A <c>ShutdownCause</c> of QEMU's.</param>
    public static MonitorEvent Shutdown(bool byGuest, string reason) => Of("SHUTDOWN", byGuest, reason);

    /// <summary>A device is gone, which the guest gave up.</summary>
    /// <param name="id">Its name, where it has one.</param>
    public static MonitorEvent DeviceDeleted(string? id) => new("DEVICE_DELETED", id is null ? [] : new JsonObject { ["device"] = id });

    private static MonitorEvent Of(string name, bool byGuest, string reason) => new(name, new JsonObject { ["guest"] = byGuest, ["reason"] = reason });
}
