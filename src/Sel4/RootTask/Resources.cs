using System.Runtime;
using System.Runtime.CompilerServices;

namespace Makatea.Sel4;

/// <summary>All memory and all slots of the machine that the kernel leaves to the root task.</summary>
internal unsafe struct Resources
{
    /// <summary>Blocks that untyped memory may be cut into at a time.</summary>
    private const int MaxBlocks = 8192;
    private const int MaxSlotBits = 20;

    internal UntypedAllocator<UntypedKernel> Untyped;
    internal SlotAllocator Slots;

    /// <summary>Regions of devices.</summary>
    internal int Devices;

    /// <summary>Where faults of components are told, and the object by which they are answered.</summary>
    internal uint Faults;
    internal uint FaultReply;

    /// <summary>Control over the processor's time.</summary>
    internal ulong ScheduleControl;

    /// <summary>What the root task needs for itself.</summary>
    internal Holdings Own;

    private const uint OwnSlots = 64;
    private const int EndpointBits = 4;
    private const int ReplyBits = 5;

    /// <summary>Takes what the boot information tells of.</summary>
    /// <param name="information">The boot information.</param>
    /// <param name="target">Where they are kept, for good.</param>
    /// <returns>False where it does not fit the tables.</returns>
    internal static bool TryTake(BootInformation* information, Resources* target)
    {
        ref Resources resources = ref *target;
        resources = default;
        if (information->TableBits > MaxSlotBits || information->Empty.End - information->Empty.First <= MaxBlocks)
        {
            return false;
        }

        var blocks = (UntypedBlock*)Tables();
        int* heads = (int*)(blocks + MaxBlocks);
        ulong* slots = (ulong*)(heads + UntypedAllocator<UntypedKernel>.MaxBits + 1);
        uint first = (uint)information->Empty.First;
        resources.Untyped = new UntypedAllocator<UntypedKernel>(blocks, MaxBlocks, heads, first, default);
        resources.Slots = new SlotAllocator(slots, first + MaxBlocks, (uint)information->Empty.End);
        UntypedDescription* list = BootInformation.UntypedList(information);
        for (ulong slot = information->Untyped.First; slot < information->Untyped.End; slot++, list++)
        {
            if (!resources.Untyped.Add((uint)slot, list->Address, list->Bits, list->IsDevice != 0))
            {
                return false;
            }

            resources.Devices += list->IsDevice;
        }

        resources.ScheduleControl = information->ScheduleControl.First;
        if (!Holdings.TryStart(target, OwnSlots, out resources.Own))
        {
            return false;
        }

        resources.Faults = resources.Own.Make(BoardValue.ObjectEndpoint, EndpointBits);
        resources.FaultReply = resources.Own.Make(BoardValue.ObjectReply, ReplyBits);
        return resources.Faults != SlotAllocator.None && resources.FaultReply != SlotAllocator.None;
    }

    [RuntimeImport("*", "RootTaskTables")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern byte* Tables();
}
