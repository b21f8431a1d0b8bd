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

    /// <summary>An empty slot, for a capability that is passed on at once.</summary>
    internal uint Spare;

    /// <summary>Control over the processor's time.</summary>
    internal ulong ScheduleControl;

    /// <summary>What the root task needs for itself.</summary>
    internal Holdings Own;

    /// <summary>Ticks of the time-stamp counter in a microsecond, its value at the start, and the time then: seconds since 1970, UTC.</summary>
    internal ulong TicksPerMicrosecond;
    internal ulong StartTicks;
    internal ulong StartSeconds;

    /// <summary>Levels of the IOMMU's page tables; 0 where there is none.</summary>
    internal ulong IOLevels;

    /// <summary>Room for the tables of the system, zeroed: <see cref="SystemTablesLength"/> bytes.</summary>
    internal byte* SystemTables;
    internal const int SystemTablesLength = 256 * 1024;

    /// <summary>The slot after that of the archive's last page.</summary>
    private uint _archiveEnd;

    private const uint OwnSlots = 1024 + (2 * ManifestLayout.MaxObjects);
    private const ulong PageSize = 4096;

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

        resources.SystemTables = (byte*)(slots + ((1 << MaxSlotBits) / 64));
        resources.ScheduleControl = information->ScheduleControl.First;
        resources.TicksPerMicrosecond = BootInformation.TicksPerMicrosecond(information);
        resources.IOLevels = information->IOPageTableLevels == ulong.MaxValue ? 0 : information->IOPageTableLevels;
        resources._archiveEnd = (uint)information->ImageFrames.End;
        if (!Holdings.TryStart(target, OwnSlots, out resources.Own))
        {
            return false;
        }

        resources.Spare = resources.Own.TakeSlot();
        resources.StartTicks = TickCounter.Read();
        resources.StartSeconds = WallClock.Read(resources.Own.TakeSlot());
        resources.Faults = resources.Own.Make(BoardValue.ObjectEndpoint);
        resources.FaultReply = resources.Own.Make(BoardValue.ObjectReply);
        return resources.Faults != SlotAllocator.None && resources.FaultReply != SlotAllocator.None;
    }

    /// <summary>The page of the archive that holds a byte.</summary>
    /// <returns>Its slot, or <see cref="SlotAllocator.None"/> where the byte is not in the archive.</returns>
    internal readonly uint ArchivePage(byte* at)
    {
        // The kernel numbers the pages of the boot module in order, and the archive is its end.
        ulong left = Archive.End - (ulong)at;
        return (ulong)at < ArchiveLayout.Address || (ulong)at >= Archive.End ? SlotAllocator.None : _archiveEnd - (uint)((left + PageSize - 1) / PageSize);
    }

    [RuntimeImport("*", "RootTaskTables")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern byte* Tables();
}
