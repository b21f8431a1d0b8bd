namespace Makatea.Sel4;

/// <summary>
/// What the root task tells a component, at <see cref="ComponentLayout.Info"/>. All numbers are 64 bits; offsets count bytes from the start of this structure.
/// </summary>
public struct ComponentInfo
{
    /// <summary><see cref="MagicValue"/>.</summary>
    public ulong Magic;

    /// <summary>Number of this component in the manifest.</summary>
    public ulong Number;

    /// <summary>How often it was started: 1 at first.</summary>
    public ulong Generation;

    /// <summary>The kernel's numbers: <see cref="BoardValue.Count"/> values.</summary>
    public ulong BoardOffset;

    /// <summary>Its name.</summary>
    public ulong NameOffset;

    /// <summary>Bytes of its name.</summary>
    public ulong NameLength;

    /// <summary>Where its program starts; 0 where the layer is all there is.</summary>
    public ulong Entry;

    /// <summary>Where the program headers of its program are mapped; 0 where they are not.</summary>
    public ulong HeadersAddress;

    /// <summary>How many program headers.</summary>
    public ulong Headers;

    /// <summary>The program's first address, and the one after its last.</summary>
    public ulong ProgramStart;

    /// <summary>End of the program.</summary>
    public ulong ProgramEnd;

    /// <summary>Arguments, each ended by a zero; the first is the program's name.</summary>
    public ulong ArgumentsOffset;

    /// <summary>Bytes of the arguments.</summary>
    public ulong ArgumentsLength;

    /// <summary>Environment, NAME=VALUE, each ended by a zero.</summary>
    public ulong EnvironmentOffset;

    /// <summary>Bytes of the environment.</summary>
    public ulong EnvironmentLength;

    /// <summary>Slot of the first of its program's threads; the others follow. They have address space, capability table, fault endpoint and processor time, and stand still.</summary>
    public ulong FirstThread;

    /// <summary>How many threads.</summary>
    public ulong Threads;

    /// <summary>Slot of the first reply object: one for each thread, and one more for the first thread's own.</summary>
    public ulong FirstReply;

    /// <summary>Slot of the first notification that threads wait at; the others follow.</summary>
    public ulong FirstWaiter;

    /// <summary>How many.</summary>
    public ulong Waiters;

    /// <summary>Slot of the first untyped object that is its memory; the others follow.</summary>
    public ulong FirstUntyped;

    /// <summary>How many, at most <see cref="ComponentLayout.MaxUntypeds"/>.</summary>
    public ulong Untypeds;

    /// <summary>Sizes of the untyped objects: <see cref="Untypeds"/> numbers, 2 to that many bytes.</summary>
    public ulong UntypedBitsOffset;

    /// <summary>Its first empty slot.</summary>
    public ulong FirstEmpty;

    /// <summary>The slot after its last: for each page of its memory there is one, for each 8 another, and 256 more.</summary>
    public ulong EndEmpty;

    /// <summary>Priority of its first thread; its program's threads have one less, and none of its threads may have more.</summary>
    public ulong Priority;

    /// <summary>Ticks of the time-stamp counter in a microsecond.</summary>
    public ulong TicksPerMicrosecond;

    /// <summary>The time-stamp counter at <see cref="StartSeconds"/>.</summary>
    public ulong StartTicks;

    /// <summary>Seconds since 1970 (UTC) when the system started.</summary>
    public ulong StartSeconds;

    /// <summary>Where grants are (<see cref="GrantInfo"/>).</summary>
    public ulong GrantsOffset;

    /// <summary>How many. None changes while the component runs but in <see cref="GrantInfo.State"/>.</summary>
    public ulong GrantCount;

    /// <summary>
    /// Slot of a thread that tells the time: made as the program's threads are (its number is <see cref="Threads"/>), but its budget is less than its period, <see cref="TickMicroseconds"/>, so that it
    /// sleeps for the rest of that when it yields. 0 where there is no layer.
    /// </summary>
    public ulong Ticker;

    /// <summary>Microseconds of its period.</summary>
    public ulong TickMicroseconds;

    /// <summary>1 where <see cref="ComponentLayout.ConsoleSlot"/> is filled: text may be sent there, which waits for the console's reader.</summary>
    public ulong HasConsole;

    /// <summary>"MAKATEAC".</summary>
    public const ulong MagicValue = 0x43_41_45_54_41_4b_41_4d;
}

/// <summary>One thing that a component was given.</summary>
public struct GrantInfo
{
    /// <summary>What it is.</summary>
    public GrantKind Kind;

    /// <summary>Number of the object in the manifest, among those of its kind: the same for all who were given it, and what messages between components name.</summary>
    public ulong Number;

    /// <summary>Where its name is, from the start of <see cref="ComponentInfo"/>.</summary>
    public ulong NameOffset;

    /// <summary>Bytes of the name.</summary>
    public ulong NameLength;

    /// <summary>Slot of its capability; of a region, of the first of its pages; 0 where there is none.</summary>
    public ulong Slot;

    /// <summary>Where it is mapped.</summary>
    public ulong Address;

    /// <summary>Bytes.</summary>
    public ulong Length;

    /// <summary>By kind.</summary>
    public ulong Value;

    /// <summary>By kind.</summary>
    public ulong Detail;

    /// <summary>1 while it is there; 0 before a connection is made and after it was taken back.</summary>
    public ulong State;
}

/// <summary>Kinds of grants.</summary>
public enum GrantKind : ulong
{
    /// <summary>No grant.</summary>
    None,

    /// <summary>Memory that is shared with others. Value: 1 where it may be written. Slot: its pages' capabilities, one for each 4 KiB, where it may be reached by devices.</summary>
    Region,

    /// <summary>A doorbell that the component rings: signal the slot without blocking. Nobody may listen yet.</summary>
    Ring,

    /// <summary>A doorbell that the component hears, where it says so (<see cref="RootRequest.Listen"/>).</summary>
    Hear,

    /// <summary>A file of the archive, mapped read-only.</summary>
    File,

    /// <summary>A function on PCI. Value: bus, device and function as 16 bits. Slot: its address space for DMA, 0 where there is no IOMMU. Detail: highest address of that is 2 to this many, minus 1.</summary>
    Function,

    /// <summary>Registers of a function. Number: that of the function; Value: the base address register. Detail: its bits 0 to 3.</summary>
    Bar,

    /// <summary>An interrupt of a function by message, heard as a doorbell. Number: what <see cref="RootRequest.Listen"/> takes; Value: the message's address and Detail its data; Slot: the handler, which is acknowledged.
    /// Length: number of the function.</summary>
    MessageInterrupt,

    /// <summary>An interrupt of a pin, heard as a doorbell. Number: what <see cref="RootRequest.Listen"/> takes; Value: the pin; Slot: the handler, which is acknowledged.</summary>
    PinInterrupt,

    /// <summary>Ports. Value: the first; Length: how many.</summary>
    Ports,

    /// <summary>Registers of a device by physical address (Value).</summary>
    Registers,

    /// <summary>The right to manage components (<see cref="RootRequest"/>).</summary>
    Management,

    /// <summary>
    /// A guest with one virtual processor, whose memory is a region (Number) from its physical address 0. Slot: the processor, the next ones its address space, the page at Address, which is for the IPC buffer of
    /// the thread that enters it, and a notification that brings that thread back. Detail: bytes of its memory.
    /// </summary>
    Guest,
}
