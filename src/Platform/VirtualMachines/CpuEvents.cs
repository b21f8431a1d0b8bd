namespace Makatea.Platform;

/// <summary>What a processor is about to take, and what holds it back.</summary>
public record struct CpuEvents
{
    /// <summary>An exception that is raised but not yet delivered or in the middle of delivery.</summary>
    public CpuException? Exception { get; set; }

    /// <summary>The vector of an interrupt in the middle of delivery.</summary>
    public byte? Interrupt { get; set; }

    /// <summary>That interrupt came of an INT instruction.</summary>
    public bool IsInterruptSoftware { get; set; }

    /// <summary>The instruction before this was STI.</summary>
    public bool IsShadowOfSti { get; set; }

    /// <summary>The instruction before this was MOV SS or POP SS.</summary>
    public bool IsShadowOfMovSs { get; set; }

    /// <summary>An NMI is in the middle of delivery.</summary>
    public bool IsNmiInjected { get; set; }

    /// <summary>An NMI waits.</summary>
    public bool IsNmiPending { get; set; }

    /// <summary>The guest handles an NMI: the next has to wait for its IRET.</summary>
    public bool IsNmiMasked { get; set; }
}
