namespace Makatea.Vmm;

/// <summary>How a translation ended.</summary>
internal enum PageWalkResult
{
    /// <summary>There is one, and it allows the access.</summary>
    Done,

    /// <summary>The guest is to get a page fault.</summary>
    Fault,

    /// <summary>The address is not canonical: #GP(0), or #SS(0) by the stack segment.</summary>
    NotCanonical,

    /// <summary>A page table lies where the guest has no memory.</summary>
    TablesOutsideMemory,
}
