namespace Makatea.Sel4;

/// <content>What components are given, and how it is taken back.</content>
internal static unsafe partial class Supervisor
{
    /// <summary>Space between two things that are mapped, and what they are aligned to.</summary>
    private const ulong Gap = 1ul << LargePageBits;

    /// <summary>Counts the slots that a component's grants take, and looks at its functions.</summary>
    private static bool TryPlanGrants(ManifestComponent* described, ref ComponentPlan plan)
    {
        ulong grants = described->GrantCount;
        ulong entries = grants;
        for (ulong i = 0; i < grants; i++)
        {
            ManifestGrant* grant = s_manifest.Grant((int)(described->FirstGrant + i));
            ulong pages = 0;
            switch (grant->Kind)
            {
                case GrantKind.Region:
                    pages = s_regions[grant->Number].Pages;
                    plan.GrantSlots += (grant->Rights & GrantRights.Device) == 0 ? 0 : (uint)pages;
                    break;
                case GrantKind.Guest:
                    pages = s_regions[grant->Number].Pages + GuestParts.Slots;
                    plan.GrantSlots += GuestSlots;
                    break;
                case GrantKind.File:
                    if (!Archive.TryFind(s_manifest.Get(grant->Name), out Text file))
                    {
                        return false;
                    }

                    pages = (file.Length + PageSize - 1) / PageSize;
                    break;
                case GrantKind.Registers:
                    pages = grant->Length / PageSize;
                    break;
                case GrantKind.Function:
                    ManifestFunction* function = s_manifest.Function((int)grant->Number);
                    if (!TryReadFunction(function, ref s_functions[grant->Number].Layout))
                    {
                        return false;
                    }

                    pages = PagesOf(ref s_functions[grant->Number].Layout);
                    plan.GrantSlots += (uint)function->Vectors;
                    plan.RootSlots += (uint)function->Vectors;
                    entries += function->Vectors + FunctionLayout<ConfigSpace>.Bars;
                    break;
            }

            // For each page its copy, and tables for it.
            const uint Tables = 8;
            plan.RootSlots += (uint)(pages + (pages >> 8) + Tables);
            plan.GrantSlots++;
        }

        return entries <= InfoWriter.MaxGrants;
    }

    /// <summary>Gives a component all that it gets at the start.</summary>
    private static ComponentFault Grant(int number)
    {
        ManifestComponent* described = s_manifest.Component(number);
        ref Component component = ref s_components[number].Component;
        for (int i = (int)described->FirstGrant; i < (int)(described->FirstGrant + described->GrantCount); i++)
        {
            ManifestGrant* grant = s_manifest.Grant(i);
            GrantInfo* info = component.AddGrant(grant->Kind, grant->Number, s_manifest.Get(grant->Name));
            s_grants[i].Info = info;
            ComponentFault fault = GrantOne(number, ref component, i, grant, info);
            if (fault != ComponentFault.None)
            {
                return fault;
            }
        }

        return ComponentFault.None;
    }

    private static ComponentFault GrantOne(int number, ref Component component, int index, ManifestGrant* grant, GrantInfo* info)
    {
        switch (grant->Kind)
        {
            case GrantKind.Region:
                RegionRecord region = s_regions[grant->Number];
                info->Value = (grant->Rights & GrantRights.Write) != 0 ? 1ul : 0;
                info->Length = s_manifest.Region((int)grant->Number)->Length;
                info->Address = component.TakeAddresses(info->Length, Gap);
                info->Slot = (grant->Rights & GrantRights.Device) != 0 ? component.TakeGrantSlots(region.Pages) : 0;
                s_grants[index].RootSlot = component.Holdings.TakeSlots(region.Pages);
                return grant->Connection != 0 || TryShare(ref component, index, grant) ? ComponentFault.None : ComponentFault.Memory;
            case GrantKind.Ring:
                info->Slot = component.TakeGrantSlots(1);
                return grant->Connection != 0 || TryRing(number, grant, info) ? ComponentFault.None : ComponentFault.Kernel;
            case GrantKind.Hear:
                info->State = grant->Connection == 0 ? 1ul : 0;
                return ComponentFault.None;
            case GrantKind.File:
                return GrantFile(ref component, grant, info);
            case GrantKind.Function:
                return GrantFunction(number, ref component, grant, info);
            case GrantKind.Guest:
                return GrantGuest(ref component, grant, info);
            case GrantKind.PinInterrupt:
                return GrantPin(number, ref component, grant, info);
            case GrantKind.Ports:
                return GrantPorts(ref component, grant, info);
            case GrantKind.Registers:
                info->Length = grant->Length;
                info->Value = grant->Number;
                info->State = 1;
                return TryMapDevice(ref component, grant->Number, grant->Length, out info->Address) ? ComponentFault.None : ComponentFault.Grant;
            default:
                info->State = 1;
                return ComponentFault.None;
        }
    }

    /// <summary>Takes back what is not the component's own: everything else ends with it.</summary>
    private static void TakeBack(int number)
    {
        uint owner = (uint)number + 1;
        for (int i = 0; i < ManifestLayout.MaxObjects; i++)
        {
            if (s_doorbells[i].Listener == owner)
            {
                s_doorbells[i] = default;
            }

            if (s_functions[i].Owner == owner)
            {
                s_functions[i].Layout.SwitchOff();
                s_functions[i].Owner = 0;
            }
        }

        for (int i = 0; i < MaxInterrupts; i++)
        {
            if (s_interrupts[i].Owner == owner)
            {
                s_interrupts[i] = default;
            }
        }

        ManifestComponent* described = s_manifest.Component(number);
        for (ulong i = 0; i < described->GrantCount; i++)
        {
            s_grants[described->FirstGrant + i].Info = null;
        }
    }

    /// <summary>Maps a region's pages where the component was told that they are.</summary>
    private static bool TryShare(ref Component component, int index, ManifestGrant* grant)
    {
        GrantInfo* info = s_grants[index].Info;
        RegionRecord region = s_regions[grant->Number];
        bool isForDevices = (grant->Rights & GrantRights.Device) != 0;
        if (s_grants[index].RootSlot == SlotAllocator.None || (isForDevices && info->Slot == SlotAllocator.None))
        {
            return false;
        }

        CapabilityRights rights = info->Value != 0 ? CapabilityRights.ReadWrite : CapabilityRights.Read;
        for (uint page = 0; page < region.Pages; page++)
        {
            uint copy = s_grants[index].RootSlot + page;
            if (!CapabilitySpace.Copy(region.FirstPage + page, copy, rights).IsDone
                || !component.Space.TryMap(copy, info->Address + ((ulong)page << region.PageBits), rights, ref component.Holdings)
                || (isForDevices && !CapabilitySpace.CopyTo(component.Table, component.TableBits, (uint)info->Slot + page, region.FirstPage + page, rights).IsDone))
            {
                return false;
            }
        }

        info->State = 1;
        return true;
    }

    private static ComponentFault GrantFile(ref Component component, ManifestGrant* grant, GrantInfo* info)
    {
        Archive.TryFind(s_manifest.Get(grant->Name), out Text file);
        info->Length = file.Length;
        info->Address = component.TakeAddresses(file.Length, Gap);
        for (ulong at = 0; at < file.Length; at += PageSize)
        {
            uint copy = component.Holdings.TakeSlot();
            if (copy == SlotAllocator.None || !CapabilitySpace.Copy(s_machine->ArchivePage(file.Bytes + at), copy, CapabilityRights.Read).IsDone
                || !component.Space.TryMap(copy, info->Address + at, CapabilityRights.Read, ref component.Holdings))
            {
                return ComponentFault.Memory;
            }
        }

        info->State = 1;
        return ComponentFault.None;
    }

    private static ComponentFault GrantPorts(ref Component component, ManifestGrant* grant, GrantInfo* info)
    {
        uint slot = component.Holdings.TakeSlot();
        info->Slot = component.TakeGrantSlots(1);
        info->Value = grant->Number;
        info->Length = grant->Length;
        info->State = 1;
        if (slot == SlotAllocator.None || info->Slot == SlotAllocator.None)
        {
            return ComponentFault.Memory;
        }

        // The serial port is the root task's, too: it has little to say, and says it in whole lines.
        bool made = SerialConsole.Is((ushort)grant->Number, grant->Length)
            ? CapabilitySpace.Copy(SerialConsole.Ports, slot, CapabilityRights.All).IsDone
            : CapabilitySpace.IssuePorts((ushort)grant->Number, (ushort)(grant->Number + grant->Length - 1), slot).IsDone;
        return made && CapabilitySpace.CopyTo(component.Table, component.TableBits, (uint)info->Slot, slot, CapabilityRights.All).IsDone ? ComponentFault.None : ComponentFault.Grant;
    }

    private static bool TryMapDevice(ref Component component, ulong physical, ulong length, out ulong address)
    {
        int bits = PageBits;
        while (1ul << bits < length)
        {
            bits++;
        }

        address = component.TakeAddresses(length, Gap);
        uint page = component.Holdings.MakeDevice(physical, bits);
        if (page == SlotAllocator.None)
        {
            return false;
        }

        for (ulong at = 0; at < length; at += PageSize)
        {
            if (!component.Space.TryMap(page++, address + at, CapabilityRights.ReadWrite, ref component.Holdings))
            {
                return false;
            }
        }

        return true;
    }
}
