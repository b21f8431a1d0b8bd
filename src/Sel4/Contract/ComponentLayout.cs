namespace Makatea.Sel4;

/// <summary>
/// Where a component finds itself: addresses in its address space, slots in its capability table. A component of the Linux ABI has two programs in one address space, the layer and the program
/// that it serves; any other has one, which is started as the layer is.
/// </summary>
public static class ComponentLayout
{
    /// <summary>The layer lies from here; the program that it serves below.</summary>
    public const ulong Layer = 0x7000_0000;

    /// <summary>What the root task says (<see cref="ComponentInfo"/>), read-only.</summary>
    public const ulong Info = 0x7800_0000;

    /// <summary>Bytes of it: whole pages.</summary>
    public const ulong InfoLength = 0x8000;

    /// <summary>Bytes of it before the grants: the structure, numbers of the kernel, sizes of memory, texts, each at a multiple of 8.</summary>
    public const ulong InfoTextsLength = 0x3000;

    /// <summary>Most untyped objects that a component's memory is.</summary>
    public const int MaxUntypeds = 48;

    /// <summary>IPC buffer of the first thread, a page. Other threads have none.</summary>
    public const ulong IpcBuffer = 0x7880_0000;

    /// <summary>Where the first thread's stack ends.</summary>
    public const ulong StackEnd = 0x7900_0000;

    /// <summary>What is granted is mapped from here.</summary>
    public const ulong Grants = 0x10_0000_0000;

    /// <summary>The component's own to map, from here to <see cref="FreeEnd"/>.</summary>
    public const ulong Free = 0x100_0000_0000;

    /// <summary>End of the addresses of a program.</summary>
    public const ulong FreeEnd = 0x7fff_ffff_f000;

    /// <summary>Its first thread, which the kernel runs with the component's highest priority. This slot and the next two are those that the kernel's own first program finds.</summary>
    public const uint FirstThreadSlot = 1;

    /// <summary>Its capability table, read and write.</summary>
    public const uint TableSlot = 2;

    /// <summary>Its address space.</summary>
    public const uint AddressSpaceSlot = 3;

    /// <summary>Where faults of its program's threads arrive, with the number of the thread plus one for a badge.</summary>
    public const uint FaultSlot = 4;

    /// <summary>Its calls to the root task (<see cref="RootRequest"/>).</summary>
    public const uint RootSlot = 5;

    /// <summary>Where it writes text; empty where it has no console.</summary>
    public const uint ConsoleSlot = 6;

    /// <summary>A notification that is bound to the first thread, so that it arrives where faults do, all of its badge bits the component's to choose.</summary>
    public const uint EventsSlot = 7;
}
