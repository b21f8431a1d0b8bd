namespace Makatea.Sel4;

/// <summary>A component of the manifest, running or not.</summary>
internal struct ComponentRecord
{
    internal Component Component;

    internal ComponentState State;

    /// <summary>How often it was started.</summary>
    internal ulong Generation;

    /// <summary>Failures in a row, and the time-stamp counter at the first of them.</summary>
    internal uint Failures;
    internal ulong FirstFailure;

    /// <summary>Microseconds that its threads took since it was started, and how often that was too much.</summary>
    internal ulong Used;
    internal ulong Pauses;

    /// <summary>Microseconds that they may take until the next look; below 0 they took too much.</summary>
    internal long Left;

    /// <summary>It has no time until it may take some again.</summary>
    internal bool StandsStill;

    internal readonly bool IsThere => State is ComponentState.Running or ComponentState.Suspended;
}

/// <summary>Memory that components share.</summary>
internal struct RegionRecord
{
    /// <summary>Slot of its first page; the others follow.</summary>
    internal uint FirstPage;
    internal uint Pages;

    /// <summary>2 to this many bytes a page.</summary>
    internal int PageBits;
}

/// <summary>Who hears a doorbell, and how.</summary>
internal struct DoorbellRecord
{
    /// <summary>Number of the component plus one; 0 where nobody does.</summary>
    internal uint Listener;
    internal uint Waiter;
    internal int Bit;
}

/// <summary>What a component has of a grant of the manifest.</summary>
internal unsafe struct GrantRecord
{
    /// <summary>Number of the component whose it is; of one that is nobody's, there never is <see cref="Info"/>.</summary>
    internal int Owner;

    /// <summary>What the component was told; nothing while it does not run.</summary>
    internal GrantInfo* Info;

    /// <summary>The first of the root task's slots for it.</summary>
    internal uint RootSlot;
}

/// <summary>A function on PCI.</summary>
internal struct FunctionRecord
{
    internal FunctionLayout<ConfigSpace> Layout;

    /// <summary>Number of the component that has it plus one.</summary>
    internal uint Owner;

    /// <summary>The root task's slot of the capability to what it reaches, where there is an IOMMU.</summary>
    internal uint Space;
}

/// <summary>An interrupt, by the kernel's number of it.</summary>
internal struct InterruptRecord
{
    /// <summary>Number of the component that has it plus one.</summary>
    internal uint Owner;

    /// <summary>The root task's slot of its handler.</summary>
    internal uint Handler;
}
