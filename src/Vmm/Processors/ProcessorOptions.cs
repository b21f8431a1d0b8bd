using Makatea.Platform;
using Makatea.Vmm.Policy;

namespace Makatea.Vmm;

/// <summary>The machine around a processor.</summary>
public sealed record ProcessorOptions
{
    /// <summary>The guest's memory.</summary>
    public required GuestMemory Memory { get; init; }

    /// <summary>Who answers at I/O ports.</summary>
    public required DeviceBus Ports { get; init; }

    /// <summary>Who answers where the guest has no memory.</summary>
    public required DeviceBus Devices { get; init; }

    /// <summary>What connects the local APICs.</summary>
    public required LocalApicBus Interrupts { get; init; }

    /// <summary>Where timers wait.</summary>
    public required DeadlineQueue Deadlines { get; init; }

    /// <summary>Frequency of the guest's time stamp counter, in Hz.</summary>
    public required ulong TscFrequency { get; init; }

    /// <summary>MSRs that neither processor nor local APIC answers.</summary>
    public required MsrPolicy Msrs { get; init; }
}
