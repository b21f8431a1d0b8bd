namespace Makatea.Drivers.Nvme;

/// <summary>What went wrong with a controller.</summary>
public enum NvmeFault
{
    /// <summary>The function is no NVMe controller, or one that needs what the driver does not do.</summary>
    Unsupported,

    /// <summary>The controller did not become ready, or did not stop, within the time that it named (CAP.TO).</summary>
    NotReady,

    /// <summary>The controller reported that it cannot go on (CSTS.CFS).</summary>
    FatalStatus,

    /// <summary>A command was not completed in time, nor after it was aborted.</summary>
    Timeout,

    /// <summary>The controller broke the standard: a completion of nothing that was asked, a table that contradicts itself.</summary>
    Protocol,

    /// <summary>The controller refused a command; <see cref="NvmeException.Status"/> says how.</summary>
    CommandFailed,

    /// <summary>The controller was taken away.</summary>
    Removed,

    /// <summary>Memory, queues or interrupts ran out; the message says which.</summary>
    NoResources,

    /// <summary>The controller was disposed.</summary>
    Closed,
}
