using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>
/// The memory regions of one front end (vhost-user, "Memory access"). Rings are stopped while the table changes; a change that fails leaves the
/// table as it was. The device is told of each region, so that hardware below it can reach the guest's memory.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="logger">Where it is said that hardware cannot reach a region.</param>
internal sealed class VhostUserMemoryTable(VirtioDevice device, ComponentLogger logger) : IDisposable
{
    /// <summary>The most regions; what libvhost-user and DPDK allow too, and more than a guest has memory modules.</summary>
    public const int MaxSlots = 509;

    private List<Slot> _slots = [];

    /// <summary>The memory as queues use it.</summary>
    public GuestMemory Memory { get; private set; } = GuestMemory.Empty;

    /// <summary>Replaces all regions; takes over the message's grants.</summary>
    /// <exception cref="VhostUserProtocolException">A region is empty, wraps, overlaps another or cannot be mapped.</exception>
    public void Replace(ReadOnlySpan<VhostUserMemoryRegion> regions, VhostUserMessage grants)
    {
        List<Grant> taken = [];
        try
        {
            List<Slot> slots = MapAll(regions, grants, taken);
            Withdraw(_slots);
            _slots = slots;
            _slots.ForEach(Offer);
        }
        finally
        {
            taken.ForEach(g => g.Dispose());
        }
    }

    /// <summary>Adds a region.</summary>
    /// <exception cref="VhostUserProtocolException">It is empty, wraps, overlaps another, cannot be mapped, or all slots are in use.</exception>
    public void Add(in VhostUserMemoryRegion region, Grant grant)
    {
        if (_slots.Count == MaxSlots)
        {
            throw new VhostUserProtocolException($"all {MaxSlots} memory slots are in use");
        }

        Slot slot = Map(region, grant);
        try
        {
            Memory = Build([.. _slots, slot]);
        }
        catch
        {
            slot.Memory.Dispose();
            throw;
        }

        _slots.Add(slot);
        Offer(slot);
    }

    /// <summary>Removes a region, named by its addresses and size.</summary>
    /// <returns>False where there is none such.</returns>
    public bool Remove(in VhostUserMemoryRegion region)
    {
        VhostUserMemoryRegion wanted = region with { MapOffset = 0 };
        int index = _slots.FindIndex(s => s.Region with { MapOffset = 0 } == wanted);
        if (index < 0)
        {
            return false;
        }

        Slot slot = _slots[index];
        _slots.RemoveAt(index);
        Memory = Build(_slots);
        Withdraw([slot]);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Memory = GuestMemory.Empty;
        Withdraw(_slots);
        _slots = [];
    }

    private static Slot Map(in VhostUserMemoryRegion region, Grant grant)
    {
        string text = $"memory region of 0x{region.Size:x} bytes at guest address 0x{region.GuestAddress:x}";
        if (region.Size is 0 or > long.MaxValue || region.MapOffset > long.MaxValue - region.Size)
        {
            throw new VhostUserProtocolException($"{text}, offset 0x{region.MapOffset:x}: it is empty or wraps");
        }

        try
        {
            return new Slot(region, grant.Map(region.MapOffset, region.Size, MemoryAccess.ReadWrite));
        }
        catch (GrantException e)
        {
            throw new VhostUserProtocolException($"{text} cannot be mapped: {e.Message}", e);
        }
    }

    private List<Slot> MapAll(ReadOnlySpan<VhostUserMemoryRegion> regions, VhostUserMessage grants, List<Grant> taken)
    {
        List<Slot> slots = [];
        try
        {
            foreach (VhostUserMemoryRegion region in regions)
            {
                taken.Add(grants.TakeGrant());
                slots.Add(Map(region, taken[^1]));
            }

            Memory = Build(slots);
            return slots;
        }
        catch
        {
            Unmap(slots);
            throw;
        }
    }

    private static GuestMemory Build(List<Slot> slots)
    {
        try
        {
            return new GuestMemory(slots.Select(s => new GuestMemoryRegion(s.Region.GuestAddress, s.Region.UserAddress, s.Region.Size, s.Memory, 0)));
        }
        catch (ArgumentException e)
        {
            throw new VhostUserProtocolException(e.Message, e);
        }
    }

    private static void Unmap(List<Slot> slots)
    {
        foreach (Slot slot in slots)
        {
            slot.Memory.Dispose();
        }
    }

    private void Offer(Slot slot)
    {
        try
        {
            device.AddMemory(slot.Memory);
            slot.IsOffered = true;
        }
        catch (IOException e)
        {
            VhostUserLogMessages.MemoryNotReached(logger, device.Name, slot.Region.Size, slot.Region.GuestAddress, e.Message);
        }
    }

    private void Withdraw(List<Slot> slots)
    {
        foreach (Slot slot in slots.Where(s => s.IsOffered))
        {
            device.RemoveMemory(slot.Memory);
        }

        Unmap(slots);
    }

    private sealed record Slot(VhostUserMemoryRegion Region, MappedMemory Memory)
    {
        public bool IsOffered { get; set; }
    }
}
