namespace Makatea.Sel4;

#pragma warning disable CS0649 // Filled by who starts one; the root task itself starts none yet.
/// <summary>How a component is started.</summary>
internal struct ComponentOptions
{
    /// <summary>What its faults are told from others' by, above 0.</summary>
    internal ulong Badge;

    /// <summary>Below the root task's.</summary>
    internal int Priority;

    /// <summary>Microseconds of processor time in each period.</summary>
    internal ulong Budget;

    /// <summary>Microseconds.</summary>
    internal ulong Period;

    /// <summary>Slots of its capability table, 2 to this many.</summary>
    internal int TableBits;

    /// <summary>Slots that the root task spends on it: one for each page, table and other object.</summary>
    internal uint Slots;

    /// <summary>Pages of its first stack.</summary>
    internal int StackPages;
}
#pragma warning restore CS0649

/// <summary>Why a component was not started.</summary>
internal enum ComponentFault
{
    None,
    Program,
    Memory,
    Kernel,
}

/// <summary>A component: a program in an address space of its own, with capabilities of its own and a thread that runs it.</summary>
internal unsafe struct Component
{
    /// <summary>Where the first stack ends.</summary>
    internal const ulong StackEnd = ElfProgram.HighestAddress + (1ul << 30);

    private const int SlotBits = 5;
    private const int PageBits = 12;
    private const int ScheduleContextBits = 8;
    private const ulong Window = 0x7e00_0000_0000;

    private Holdings _holdings;

    /// <summary>Slot of its thread.</summary>
    internal uint Thread { get; private set; }

    /// <summary>Slot of its capability table.</summary>
    internal uint Table { get; private set; }

    /// <summary>What it is told from others by.</summary>
    internal ulong Badge { get; private set; }

    /// <summary>Starts a component. Where it cannot be, nothing is spent.</summary>
    /// <param name="machine">What there is.</param>
    /// <param name="image">Its program, at a multiple of 8.</param>
    /// <param name="length">Length of the program.</param>
    /// <param name="options">How.</param>
    /// <param name="component">The component.</param>
    internal static ComponentFault Start(Resources* machine, byte* image, ulong length, in ComponentOptions options, out Component component)
    {
        component = default;
        if (ElfProgram.Open(image, length, out ElfProgram program) != ElfFault.None)
        {
            return ComponentFault.Program;
        }

        if (!Holdings.TryStart(machine, options.Slots, out component._holdings))
        {
            return ComponentFault.Memory;
        }

        ComponentFault fault = component.Make(machine, program, options);
        if (fault != ComponentFault.None)
        {
            component._holdings.Release();
        }

        return fault;
    }

    /// <summary>Ends it: nothing of it is left, wherever its capabilities went.</summary>
    /// <returns>False where the kernel kept something.</returns>
    internal bool Destroy() => _holdings.Release();

    private ComponentFault Make(Resources* machine, in ElfProgram program, in ComponentOptions options)
    {
        uint root = _holdings.Make(BoardValue.ObjectPml4, PageBits);
        Table = _holdings.Make(BoardValue.ObjectCapTable, options.TableBits + SlotBits, options.TableBits);
        Thread = _holdings.Make(BoardValue.ObjectTcb, (int)Board.Get(BoardValue.TcbBits));
        uint time = _holdings.Make(BoardValue.ObjectSchedContext, ScheduleContextBits, ScheduleContextBits);
        uint faults = _holdings.TakeSlot();
        if (root == SlotAllocator.None || Table == SlotAllocator.None || Thread == SlotAllocator.None || time == SlotAllocator.None || faults == SlotAllocator.None)
        {
            return ComponentFault.Memory;
        }

        KernelCall.SetCapability(0, root);
        var space = new AddressSpace(root);
        Badge = options.Badge;
        ulong tableData = (ulong)(64 - options.TableBits); // A guard of zeroes as long as the rest of an address.
        if (!KernelCall.Invoke(CapabilitySpace.AsidPool, BoardValue.X86ASIDPoolAssign, 1, 0).IsDone
            || !CapabilitySpace.Mint(machine->Faults, faults, CapabilityRights.All, options.Badge).IsDone
            || !ThreadCalls.SetBudget(machine->ScheduleControl, time, options.Budget, options.Period).IsDone)
        {
            return ComponentFault.Kernel;
        }

        if (!TryLoad(machine, program, space) || !TryMakeStack(space, options.StackPages))
        {
            return ComponentFault.Memory;
        }

        return ThreadCalls.Configure(Thread, Table, tableData, root, 0, 0).IsDone
            && ThreadCalls.Schedule(Thread, options.Priority, options.Priority, time, faults).IsDone
            && ThreadCalls.Start(Thread, program.Entry, StackEnd - 8, 0).IsDone
            ? ComponentFault.None
            : ComponentFault.Kernel;
    }

    private bool TryLoad(Resources* machine, in ElfProgram program, AddressSpace space)
    {
        var own = new AddressSpace((uint)CapabilitySpace.AddressSpace);
        for (int header = 0; header < program.Headers; header++)
        {
            if (!program.TryGetSegment(header, out ElfSegment segment))
            {
                continue;
            }

            for (ulong address = segment.FirstPage; address < segment.EndPage; address += ElfProgram.PageSize)
            {
                // The kernel zeroed it.
                uint page = _holdings.Make(BoardValue.ObjectPage, PageBits);
                if (page == SlotAllocator.None || !own.TryMap(page, Window, CapabilityRights.ReadWrite, ref machine->Own))
                {
                    return false;
                }

                program.CopyPage(segment, address, (byte*)Window);
                if (!AddressSpace.Unmap(page) || !space.TryMap(page, address, segment.IsWritable ? CapabilityRights.ReadWrite : CapabilityRights.Read, ref _holdings))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private bool TryMakeStack(AddressSpace space, int pages)
    {
        for (int i = 1; i <= pages; i++)
        {
            uint page = _holdings.Make(BoardValue.ObjectPage, PageBits);
            if (page == SlotAllocator.None || !space.TryMap(page, StackEnd - ((ulong)i * ElfProgram.PageSize), CapabilityRights.ReadWrite, ref _holdings))
            {
                return false;
            }
        }

        return true;
    }
}
