namespace Makatea.Vmm;

/// <summary>What the timer of a local APIC does: bits 17 and 18 of its vector.</summary>
internal enum LocalTimerMode
{
    OneShot,
    Periodic,
    TscDeadline,

    /// <summary>As one-shot, though nobody may ask for it.</summary>
    Reserved,
}
