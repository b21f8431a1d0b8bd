using Makatea.Platform;

namespace Makatea.Virtio.Testing;

/// <summary>What a front end tells of a test guest's memory and rings.</summary>
public static class ArenaFrontend
{
    /// <summary>VHOST_USER_SET_MEM_TABLE: the back end sees the arena's regions and no others.</summary>
    public static void SetMemoryTable(this VhostUserFrontend frontend, GuestArena arena) => frontend.SetMemoryTable(Regions(arena), [.. arena.Grants]);

    /// <summary>VHOST_USER_ADD_MEM_REG.</summary>
    public static void AddMemoryRegion(this VhostUserFrontend frontend, GuestArena arena, int region) => frontend.AddMemoryRegion(Regions(arena)[region], arena.Grants[region]);

    /// <summary>VHOST_USER_REM_MEM_REG.</summary>
    public static void RemoveMemoryRegion(this VhostUserFrontend frontend, GuestArena arena, int region) => frontend.RemoveMemoryRegion(Regions(arena)[region]);

    /// <summary>Hands all of an arena over, region by region where the back end has memory slots and at once otherwise, as QEMU does.</summary>
    public static void ShareMemory(this VhostUserFrontend frontend, GuestArena arena) => frontend.ShareMemory(Regions(arena), [.. arena.Grants]);

    /// <summary>VHOST_USER_SET_VRING_ADDR.</summary>
    /// <param name="frontend">The connection.</param>
    /// <param name="index">The ring.</param>
    /// <param name="areas">Where it is.</param>
    /// <param name="logAddress">Guest address at which writes to the used ring are logged, or null for no log (VHOST_VRING_F_LOG).</param>
    public static void SetVringAddresses(this VhostUserFrontend frontend, int index, RingAreas areas, ulong? logAddress = null) =>
        frontend.SetVringAddresses(
            index,
            (ulong)areas.Descriptors.Segment.Address,
            (ulong)areas.Device.Segment.Address,
            (ulong)areas.Driver.Segment.Address,
            logAddress);

    /// <summary>Sets a ring up and starts it, in QEMU's order.</summary>
    public static void StartVring(this VhostUserFrontend frontend, int index, RingAreas areas, RingPosition position, Doorbell kick, Doorbell? call, Doorbell? error = null)
    {
        frontend.SetVringSize(index, areas.Size);
        frontend.SetVringBase(index, position);
        frontend.SetVringAddresses(index, areas);
        if (error is not null)
        {
            frontend.SetVringError(index, error);
        }

        frontend.SetVringCall(index, call);
        frontend.SetVringKick(index, kick);
        if ((frontend.Features & VhostUserFeatures.ProtocolFeatures) != 0)
        {
            frontend.SetVringEnabled(index, true);
        }
    }

    private static VhostUserRegion[] Regions(GuestArena arena) => [.. arena.Ranges.Select(range => new VhostUserRegion(range.Address, arena.UserAddress(range.Address), range.Length, 0))];
}
