namespace Makatea.Vmm.Tests;

/// <summary>An interrupt line that keeps what was done to it, and says what a test wants.</summary>
internal sealed class RecordingLine : InterruptLine
{
    public bool IsAsserted { get; private set; }

    /// <summary>Number of times that it went up.</summary>
    public int Edges { get; private set; }

    /// <summary>What becomes of a pulse.</summary>
    public InterruptDelivery Outcome { get; set; } = InterruptDelivery.Delivered;

    /// <summary>Number of pulses that were delivered.</summary>
    public int Delivered { get; private set; }

    public override void Set(bool asserted)
    {
        Edges += asserted && !IsAsserted ? 1 : 0;
        IsAsserted = asserted;
    }

    public override InterruptDelivery Pulse()
    {
        base.Pulse();
        Delivered += Outcome == InterruptDelivery.Delivered ? 1 : 0;
        return Outcome;
    }
}
