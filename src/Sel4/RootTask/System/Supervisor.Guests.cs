namespace Makatea.Sel4;

/// <content>Guests that components run.</content>
internal static unsafe partial class Supervisor
{
    /// <summary>Slots of a component's table for a guest: processor, space, buffer's page, notification.</summary>
    private const uint GuestSlots = 4;

    /// <summary>Makes a guest, its memory a region from its address 0. All of it is the component's and ends with it; the region stays.</summary>
    private static ComponentFault GrantGuest(ref Component component, ManifestGrant* grant, GrantInfo* info)
    {
        RegionRecord region = s_regions[grant->Number];
        info->Length = PageSize;
        info->Detail = s_manifest.Region((int)grant->Number)->Length;
        info->Slot = component.TakeGrantSlots(GuestSlots);
        info->Address = component.TakeAddresses(PageSize, Gap);
        if (Board.Get(BoardValue.SysVMEnter) == 0)
        {
            Report.NoGuests(s_manifest.Get(grant->Name));
            return ComponentFault.Grant;
        }

        if (info->Slot == SlotAllocator.None || !GuestParts.TryMake(ref component.Holdings, out GuestParts parts)
            || !component.Space.TryMap(parts.Buffer, info->Address, CapabilityRights.ReadWrite, ref component.Holdings))
        {
            return ComponentFault.Memory;
        }

        for (uint page = 0; page < region.Pages; page++)
        {
            uint copy = component.Holdings.TakeSlot();
            if (copy == SlotAllocator.None || !CapabilitySpace.Copy(region.FirstPage + page, copy, CapabilityRights.ReadWrite).IsDone
                || !parts.Space.TryMap(copy, (ulong)page << region.PageBits, CapabilityRights.ReadWrite, ref component.Holdings))
            {
                return ComponentFault.Memory;
            }
        }

        info->State = 1;
        uint slot = (uint)info->Slot;
        return GiveAll(ref component, slot, parts.Cpu) && GiveAll(ref component, slot + 1, parts.Space.Root) && GiveAll(ref component, slot + 2, parts.Buffer) && GiveAll(ref component, slot + 3, parts.Events)
            ? ComponentFault.None
            : ComponentFault.Kernel;
    }

    private static bool GiveAll(ref Component component, uint slot, uint source) => CapabilitySpace.CopyTo(component.Table, component.TableBits, slot, source, CapabilityRights.All).IsDone;
}
