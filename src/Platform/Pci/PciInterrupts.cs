namespace Makatea.Platform;

/// <summary>Interrupt vectors of a function that are in use, each a doorbell that the function rings.</summary>
/// <param name="kind">How they are raised.</param>
/// <param name="vectors">Their doorbells, which stay the function's.</param>
public sealed class PciInterrupts(PciInterruptKind kind, IReadOnlyList<Doorbell> vectors)
{
    /// <summary>How they are raised.</summary>
    public PciInterruptKind Kind => kind;

    /// <summary>The doorbells, by vector. A pin interrupt is masked when it rings, until <see cref="Rearm"/>.</summary>
    public IReadOnlyList<Doorbell> Vectors => vectors;

    /// <summary>How a pin interrupt is unmasked; null for messages, which need nothing.</summary>
    public Action? Unmask { get; init; }

    /// <summary>
    /// Has the calling thread stay on one processor, on which it waits for the vector given, and returns that processor's number: whoever hands the function out can have the vector
    /// raised there. Null where the host leaves threads alone; a negative number where it would, and cannot.
    /// </summary>
    public Func<int, int>? Settle { get; init; }

    /// <summary>To be called after the cause of an interrupt was cleared in the function.</summary>
    public void Rearm() => Unmask?.Invoke();
}

/// <summary>How a function raises interrupts.</summary>
public enum PciInterruptKind : byte
{
    /// <summary>By a pin, level-triggered and shared.</summary>
    Pin,

    /// <summary>By messages, consecutive vectors.</summary>
    Msi,

    /// <summary>By messages, each with an address and data of its own.</summary>
    MsiX,
}
