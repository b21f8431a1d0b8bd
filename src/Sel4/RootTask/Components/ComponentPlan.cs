namespace Makatea.Sel4;

/// <summary>What a component is made of.</summary>
internal unsafe struct ComponentPlan
{
    /// <summary>Its number: what its faults and requests are told from others' by.</summary>
    internal uint Number;

    /// <summary>How often it was started, this time included.</summary>
    internal ulong Generation;

    internal Text Name;

    /// <summary>What its first thread runs, a file at a multiple of 8.</summary>
    internal Text Layer;

    /// <summary>What the layer serves, or nothing.</summary>
    internal Text Program;

    /// <summary>Each ended by a zero.</summary>
    internal Text Arguments;
    internal Text Environment;

    /// <summary>Bytes of memory besides its programs, whole pages.</summary>
    internal ulong Memory;

    internal uint Threads;

    internal uint Waiters;

    /// <summary>Below the root task's.</summary>
    internal int Priority;

    /// <summary>Microseconds of processor time that each thread has in each period.</summary>
    internal ulong Budget;

    /// <summary>Microseconds.</summary>
    internal ulong Period;

    /// <summary>Slots for what it is granted, in its table.</summary>
    internal uint GrantSlots;

    /// <summary>Slots that the root task spends on what it is granted.</summary>
    internal uint RootSlots;

    /// <summary>Where its text goes, or 0.</summary>
    internal uint Console;

    /// <summary>It hears what comes there.</summary>
    internal bool ServesConsole;

    /// <summary>Threads that the root task makes: the first, the program's, and one that tells the layer the time.</summary>
    internal readonly uint AllThreads => 1 + Threads + (HasTicker ? 1u : 0);

    internal readonly bool HasTicker => Threads > 0;
}

/// <summary>Why a component was not started.</summary>
internal enum ComponentFault
{
    None,

    /// <summary>Its layer, or its program, is no program.</summary>
    Program,
    Memory,
    Kernel,

    /// <summary>Something that it is granted is not there, or somebody else has it.</summary>
    Grant,
}
