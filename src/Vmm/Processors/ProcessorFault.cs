namespace Makatea.Vmm;

/// <summary>Why a guest cannot go on. It is stopped, and nobody else.</summary>
/// <param name="Processor">The processor's APIC ID.</param>
/// <param name="Reason">What happened, with what was seen.</param>
/// <param name="IsTripleFault">The guest shut itself down: to a real machine that is a reset.</param>
public sealed record ProcessorFault(uint Processor, string Reason, bool IsTripleFault = false)
{
    /// <inheritdoc/>
    public override string ToString() => $"processor {Processor}: {Reason}";
}
