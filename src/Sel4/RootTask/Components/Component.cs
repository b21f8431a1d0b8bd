namespace Makatea.Sel4;

/// <summary>
/// A component: an address space, a capability table, threads with processor time of their own, memory. All that is spent on it is in its holdings, so that ending it leaves nothing.
/// </summary>
internal unsafe partial struct Component
{
    private const int SlotBits = 5;
    private const int PageBits = 12;
    private const ulong PageSize = 4096;

    internal Holdings Holdings;

    /// <summary>Its address space.</summary>
    internal AddressSpace Space;

    /// <summary>Slot of its capability table, which has 2 to <see cref="TableBits"/> slots.</summary>
    internal uint Table;
    internal int TableBits;

    /// <summary>What it is told, as the root task sees it.</summary>
    internal ComponentInfo* Info;

    /// <summary>Its first thread.</summary>
    internal readonly uint FirstThread => _firstThread;

    /// <summary>Slot of the first of the notifications that it waits at, and how many.</summary>
    internal uint FirstWaiter;
    internal uint Waiters;

    /// <summary>The first of its slots that was set aside for what it is granted, and those in use.</summary>
    internal uint FirstGrantSlot;
    internal uint UsedGrantSlots;
    internal uint GrantSlots;

    /// <summary>Where the next thing that it is granted is mapped.</summary>
    internal ulong NextAddress;

    private uint _root;
    private uint _endpoint;
    private uint _firstThread;
    private uint _threads;
    private uint _firstTime;
    private uint _firstResumed;
    private ulong _budget;
    private ulong _period;
    private bool _hasTicker;
    private ulong _entry;
    private InfoWriter _texts;

    /// <summary>Makes a component that stands still. Where it cannot be made, nothing is spent.</summary>
    /// <param name="machine">What there is.</param>
    /// <param name="plan">What it is made of.</param>
    /// <param name="component">The component.</param>
    internal static ComponentFault Make(Resources* machine, in ComponentPlan plan, out Component component)
    {
        component = default;
        ElfProgram program = default;
        bool hasProgram = plan.Program.Length != 0;
        if (ElfProgram.Open(plan.Layer.Bytes, plan.Layer.Length, out ElfProgram layer) != ElfFault.None
            || (hasProgram && ElfProgram.Open(plan.Program.Bytes, plan.Program.Length, out program) != ElfFault.None))
        {
            return ComponentFault.Program;
        }

        const uint Others = 64;
        ulong pages = layer.Pages + (hasProgram ? program.Pages : 0) + StackPages + (2 * InfoPages) + 1;
        ulong slots = pages + (pages >> 8) + (3 * plan.AllThreads) + plan.Waiters + plan.RootSlots + Others;
        if (slots > uint.MaxValue >> 1 || !Holdings.TryStart(machine, (uint)slots, out component.Holdings))
        {
            return ComponentFault.Memory;
        }

        component._entry = layer.Entry;
        ComponentFault fault = component.MakeSpace(plan);
        fault = fault != ComponentFault.None ? fault : component.Load(machine, layer);
        fault = fault != ComponentFault.None || !hasProgram ? fault : component.Load(machine, program);
        fault = fault != ComponentFault.None ? fault : component.MakeInfo(machine, plan);
        fault = fault != ComponentFault.None ? fault : component.MakeThreads(machine, plan);
        fault = fault != ComponentFault.None ? fault : component.MakeMemory(plan);
        if (fault != ComponentFault.None)
        {
            component.Destroy();
            return fault;
        }

        if (hasProgram)
        {
            component.Info->Entry = program.Entry;
            component.Info->Headers = (ulong)program.Headers;
            component.Info->HeadersAddress = program.HeadersAddress;
            component.Info->ProgramStart = program.Start;
            component.Info->ProgramEnd = program.End;
        }

        return ComponentFault.None;
    }

    /// <summary>Lets its first thread run.</summary>
    internal readonly bool Run() => ThreadCalls.Start(_firstThread, _entry, ComponentLayout.StackEnd - 8, ComponentLayout.Info).IsDone;

    /// <summary>Ends it: nothing of it is left, wherever its capabilities went.</summary>
    /// <returns>False where the kernel kept something.</returns>
    internal bool Destroy() => Holdings.Release();

    /// <summary>A slot of its table for something that it is granted.</summary>
    /// <returns>The first of them, or <see cref="SlotAllocator.None"/>.</returns>
    internal uint TakeGrantSlots(uint count)
    {
        if (count > GrantSlots - UsedGrantSlots)
        {
            return SlotAllocator.None;
        }

        uint first = FirstGrantSlot + UsedGrantSlots;
        UsedGrantSlots += count;
        return first;
    }

    private ComponentFault MakeSpace(in ComponentPlan plan)
    {
        _root = Holdings.Make(BoardValue.ObjectPml4);
        if (_root == SlotAllocator.None)
        {
            return ComponentFault.Memory;
        }

        KernelCall.SetCapability(0, _root);
        if (!KernelCall.Invoke(CapabilitySpace.AsidPool, BoardValue.X86ASIDPoolAssign, 1, 0).IsDone)
        {
            return ComponentFault.Kernel;
        }

        Space = new AddressSpace(_root);
        NextAddress = ComponentLayout.Grants;
        TableBits = BitsFor(FirstFreeSlot(plan) + OwnSlots(plan));
        Table = Holdings.Make(BoardValue.ObjectCapTable, TableBits + SlotBits, TableBits);
        return Table == SlotAllocator.None ? ComponentFault.Memory : ComponentFault.None;
    }

    private static uint FirstFreeSlot(in ComponentPlan plan) =>
        ComponentLayout.EventsSlot + 1 + (2 * plan.AllThreads) + plan.Waiters + ComponentLayout.MaxUntypeds + plan.GrantSlots;

    /// <summary>Slots for what it makes itself: a page takes one, its tables and copies for devices some more.</summary>
    private static ulong OwnSlots(in ComponentPlan plan) => (plan.Memory / PageSize) + (plan.Memory / PageSize / 4) + plan.GrantSlots + 64;

    private static int BitsFor(ulong count)
    {
        int bits = 4;
        while (1ul << bits < count)
        {
            bits++;
        }

        return bits;
    }
}
