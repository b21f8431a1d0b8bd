namespace Makatea.Vmm;

/// <summary>What a guest's processor does.</summary>
public enum ProcessorState
{
    /// <summary>It was reset by INIT, or never started, and waits for a start-up interrupt.</summary>
    WaitingForStartUp,

    /// <summary>It executes.</summary>
    Running,

    /// <summary>It executed HLT and waits for an interrupt.</summary>
    Halted,

    /// <summary>It will not execute again: its thread has ended.</summary>
    Stopped,
}
