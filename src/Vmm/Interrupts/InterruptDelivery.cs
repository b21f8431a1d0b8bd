namespace Makatea.Vmm;

/// <summary>What became of an interrupt. Where several processors are meant, the best that became of it.</summary>
public enum InterruptDelivery
{
    /// <summary>Nobody took it: its pin is masked, its destination is nobody or takes none.</summary>
    Refused,

    /// <summary>One of its vector waits already; the processor will see one of the two.</summary>
    Merged,

    /// <summary>It waits to be taken.</summary>
    Delivered,
}
