namespace Makatea.Sel4;

/// <content>Functions on PCI, and interrupts.</content>
internal static unsafe partial class Supervisor
{
    // What is below are the IOAPIC's of old devices.
    private const uint FirstVector = 24;
    private const ulong MessageAddress = 0xfee0_0000;
    private const ulong FirstIODomain = 16;
    private const int IOAddressBitsPerLevel = 9;

    private static bool TryReadFunction(ManifestFunction* function, ref FunctionLayout<ConfigSpace> layout) =>
        FunctionLayout<ConfigSpace>.TryRead(new ConfigSpace((uint)function->Address), out layout) && (function->Identity == 0 || function->Identity == layout.Identity);

    /// <summary>Resets a function, where it can be reset by itself: who has it next finds nothing of who had it before. Nobody is heard meanwhile.</summary>
    private static bool Reset(ref FunctionLayout<ConfigSpace> layout)
    {
        const ulong Microseconds = 100_000;
        if (!layout.CanReset)
        {
            return false;
        }

        layout.BeginReset();
        for (ulong start = TickCounter.Read(); TickCounter.Read() - start < Microseconds * s_machine->TicksPerMicrosecond;)
        {
            // It may not even be asked.
        }

        layout.EndReset();
        return true;
    }

    private static ulong PagesOf(ref FunctionLayout<ConfigSpace> layout)
    {
        ulong pages = 0;
        for (int i = 0; i < FunctionLayout<ConfigSpace>.Bars; i++)
        {
            layout.GetBar(i, out _, out ulong length, out _);
            pages += length / PageSize;
        }

        return pages;
    }

    private static ComponentFault GrantFunction(int number, ref Component component, ManifestGrant* grant, GrantInfo* info)
    {
        ManifestFunction* function = s_manifest.Function((int)grant->Number);
        ref FunctionRecord record = ref s_functions[grant->Number];
        info->Value = function->Address;
        if (s_machine->IOLevels == 0)
        {
            if (function->AllowUnprotected == 0)
            {
                Report.Unprotected(s_manifest.Get(function->Name));
                return ComponentFault.Grant;
            }
        }
        else
        {
            info->Slot = component.TakeGrantSlots(1);
            info->Detail = PageBits + (s_machine->IOLevels * IOAddressBitsPerLevel);
            if (!CapabilitySpace.CopyTo(component.Table, component.TableBits, (uint)info->Slot, record.Space, CapabilityRights.All).IsDone)
            {
                return ComponentFault.Kernel;
            }
        }

        record.Owner = (uint)number + 1;
        info->State = 1;
        Reset(ref record.Layout);
        for (int i = 0; i < FunctionLayout<ConfigSpace>.Bars; i++)
        {
            record.Layout.GetBar(i, out ulong address, out ulong length, out byte flags);

            // What shares its page with something else's registers is not given.
            if (length < PageSize || address == 0)
            {
                continue;
            }

            GrantInfo* bar = component.AddGrant(GrantKind.Bar, grant->Number, default);
            bar->Value = (ulong)i;
            bar->Detail = flags;
            bar->Length = length;
            bar->State = 1;
            if (!TryMapDevice(ref component, address, length, out bar->Address))
            {
                return ComponentFault.Grant;
            }
        }

        return GrantMessages(number, ref component, grant->Number, function->Vectors < record.Layout.Vectors ? (uint)function->Vectors : record.Layout.Vectors, ref record);
    }

    /// <summary>
    /// Makes the spaces of all functions, whose uppermost tables stay when components go. The kernel takes such a table out of the context entry with the last capability, and does not tell the unit, which keeps entries
    /// ([VT-d-4.1] 6.5.1): the next component's device would go on with tables that are somebody else's memory by then. The tables below are forgotten properly.
    /// </summary>
    private static bool TryOpenSpaces()
    {
        for (int i = 0; i < s_manifest.Functions && s_machine->IOLevels != 0; i++)
        {
            uint space = s_functions[i].Space = s_machine->Own.TakeSlot();
            uint table = s_machine->Own.Make(BoardValue.ObjectIOPageTable);
            if (space == SlotAllocator.None || table == SlotAllocator.None
                || !CapabilitySpace.Mint((uint)CapabilitySpace.IOSpace, space, CapabilityRights.All, ((FirstIODomain + (ulong)i) << 16) | s_manifest.Function(i)->Address).IsDone
                || !CapabilitySpace.MapIOTable(table, space, 0).IsDone)
            {
                return false;
            }
        }

        return true;
    }

    private static ComponentFault GrantMessages(int number, ref Component component, ulong function, uint count, ref FunctionRecord record)
    {
        for (uint i = 0; i < count; i++)
        {
            if (!TryTakeVector(number, ref component, out uint vector, out uint root)
                || !CapabilitySpace.IssueMessageInterrupt(root, s_manifest.Function((int)function)->Address, vector).IsDone)
            {
                return ComponentFault.Memory;
            }

            GrantInfo* info = component.AddGrant(GrantKind.MessageInterrupt, vector, default);
            info->Value = MessageAddress;
            info->Detail = vector + Board.Get(BoardValue.IrqVectorOffset);
            info->Length = function;
            if (!TryGiveHandler(ref component, root, info))
            {
                return ComponentFault.Kernel;
            }

            if (i == 0)
            {
                record.Layout.SetMessage(MessageAddress, (uint)info->Detail);
            }
        }

        return ComponentFault.None;
    }

    private static ComponentFault GrantPin(int number, ref Component component, ManifestGrant* grant, GrantInfo* info)
    {
        if (!TryTakeVector(number, ref component, out uint vector, out uint root))
        {
            return ComponentFault.Memory;
        }

        info->Number = vector;
        info->Value = grant->Number;
        return !CapabilitySpace.IssuePinInterrupt(root, grant->Number, vector).IsDone ? ComponentFault.Grant : TryGiveHandler(ref component, root, info) ? ComponentFault.None : ComponentFault.Kernel;
    }

    private static bool TryTakeVector(int number, ref Component component, out uint vector, out uint root)
    {
        root = component.Holdings.TakeSlot();
        uint end = (uint)Board.Get(BoardValue.IrqVectorMax);
        for (vector = FirstVector; vector <= end && vector < MaxInterrupts; vector++)
        {
            if (s_interrupts[vector].Owner == 0)
            {
                s_interrupts[vector].Owner = (uint)number + 1;
                s_interrupts[vector].Handler = root;
                return root != SlotAllocator.None;
            }
        }

        return false;
    }

    private static bool TryGiveHandler(ref Component component, uint root, GrantInfo* info)
    {
        info->Slot = component.TakeGrantSlots(1);
        info->State = 1;
        return info->Slot != SlotAllocator.None && CapabilitySpace.CopyTo(component.Table, component.TableBits, (uint)info->Slot, root, CapabilityRights.All).IsDone;
    }
}
