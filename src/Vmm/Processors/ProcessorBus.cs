using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>Device memory as one processor sees it: its own local APIC's page, and the devices of all.</summary>
/// <param name="apic">The processor's local APIC.</param>
/// <param name="devices">The devices.</param>
internal sealed class ProcessorBus(LocalApic apic, DeviceBus devices) : RegisterBus
{
    /// <inheritdoc/>
    public override ulong Read(ulong address, int width) => IsApic(address) ? apic.Read(address - LocalApic.Page, width) : devices.Read(address, width);

    /// <inheritdoc/>
    public override void Write(ulong address, int width, ulong value)
    {
        if (IsApic(address))
        {
            apic.Write(address - LocalApic.Page, width, value);
        }
        else
        {
            devices.Write(address, width, value);
        }
    }

    private bool IsApic(ulong address) => address - LocalApic.Page < LocalApic.PageLength && apic.IsEnabled && !apic.IsExtended;
}
