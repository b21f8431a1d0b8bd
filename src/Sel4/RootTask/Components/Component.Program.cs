namespace Makatea.Sel4;

/// <content>Its programs, stack and information in its address space.</content>
internal unsafe partial struct Component
{
    private const int StackPages = 16;
    private const int InfoPages = (int)(ComponentLayout.InfoLength / PageSize);

    /// <summary>Where the root task sees a page that it fills.</summary>
    private const ulong Window = 0x7e00_0000_0000;

    /// <summary>Where it sees what it tells components.</summary>
    private const ulong InfoWindow = 0x7e00_4000_0000;

    private ComponentFault Load(Resources* machine, in ElfProgram program)
    {
        for (int header = 0; header < program.Headers; header++)
        {
            if (!program.TryGetSegment(header, out ElfSegment segment))
            {
                continue;
            }

            for (ulong address = segment.FirstPage; address < segment.EndPage; address += PageSize)
            {
                // What is only read stays where it is in the archive; its first and last page may show other bytes of the same file.
                uint page = segment.IsWritable || !segment.IsWhole ? SlotAllocator.None : machine->ArchivePage(program.AddressOf(segment, address));
                if (page != SlotAllocator.None)
                {
                    uint copy = Holdings.TakeSlot();
                    if (copy == SlotAllocator.None || !CapabilitySpace.Copy(page, copy, CapabilityRights.Read).IsDone || !Space.TryMap(copy, address, CapabilityRights.Read, ref Holdings))
                    {
                        return ComponentFault.Memory;
                    }

                    continue;
                }

                // The kernel zeroed it.
                page = Holdings.Make(BoardValue.ObjectPage);
                var own = new AddressSpace((uint)CapabilitySpace.AddressSpace);
                if (page == SlotAllocator.None || !own.TryMap(page, Window, CapabilityRights.ReadWrite, ref machine->Own))
                {
                    return ComponentFault.Memory;
                }

                program.CopyPage(segment, address, (byte*)Window);
                if (!AddressSpace.Unmap(page) || !Space.TryMap(page, address, segment.IsWritable ? CapabilityRights.ReadWrite : CapabilityRights.Read, ref Holdings))
                {
                    return ComponentFault.Memory;
                }
            }
        }

        return ComponentFault.None;
    }

    private ComponentFault MakeInfo(Resources* machine, in ComponentPlan plan)
    {
        for (ulong i = 1; i <= StackPages; i++)
        {
            if (!TryMapNew(ComponentLayout.StackEnd - (i * PageSize), CapabilityRights.ReadWrite, out _))
            {
                return ComponentFault.Memory;
            }
        }

        var own = new AddressSpace((uint)CapabilitySpace.AddressSpace);
        ulong window = InfoWindow + (plan.Number * ComponentLayout.InfoLength);
        for (ulong at = 0; at < ComponentLayout.InfoLength; at += PageSize)
        {
            uint copy = Holdings.TakeSlot();
            if (copy == SlotAllocator.None || !TryMapNew(ComponentLayout.Info + at, CapabilityRights.Read, out uint page)
                || !CapabilitySpace.Copy(page, copy, CapabilityRights.ReadWrite).IsDone || !own.TryMap(copy, window + at, CapabilityRights.ReadWrite, ref machine->Own))
            {
                return ComponentFault.Memory;
            }
        }

        Info = (ComponentInfo*)window;
        Info->Magic = ComponentInfo.MagicValue;
        Info->Number = plan.Number;
        Info->Generation = plan.Generation;
        Info->Priority = (ulong)plan.Priority;
        Info->TicksPerMicrosecond = machine->TicksPerMicrosecond;
        Info->StartTicks = machine->StartTicks;
        Info->StartSeconds = machine->StartSeconds;
        Info->HasConsole = plan.Console == 0 ? 0ul : 1;
        _texts = new InfoWriter((byte*)window);
        Info->BoardOffset = _texts.Write(new Text((byte*)Archive.Board(), (ulong)BoardValue.Count * sizeof(ulong)));
        Info->NameOffset = _texts.Write(plan.Name);
        Info->NameLength = plan.Name.Length;
        Info->ArgumentsOffset = _texts.Write(plan.Arguments);
        Info->ArgumentsLength = plan.Arguments.Length;
        Info->EnvironmentOffset = _texts.Write(plan.Environment);
        Info->EnvironmentLength = plan.Environment.Length;
        Info->GrantsOffset = InfoWriter.GrantsOffset;
        return _texts.IsFull ? ComponentFault.Memory : ComponentFault.None;
    }

    private bool TryMapNew(ulong address, CapabilityRights rights, out uint page)
    {
        page = Holdings.Make(BoardValue.ObjectPage);
        return page != SlotAllocator.None && Space.TryMap(page, address, rights, ref Holdings);
    }
}
