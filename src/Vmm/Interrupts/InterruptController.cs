namespace Makatea.Vmm;

/// <summary>Where interrupt messages go: what a function with MSI or MSI-X writes, and what an I/O APIC sends ([SDM] volume 3, 11.11).</summary>
public abstract class InterruptController
{
    /// <summary>First address of messages; the low 20 bits say where one goes.</summary>
    public const ulong MessageBase = 0xfee0_0000;

    /// <summary>Number of addresses that are messages' when a device writes there.</summary>
    public const ulong MessageLength = 0x10_0000;

    /// <summary>Delivers a message, from any thread and without blocking. One that says nothing sensible is dropped and counted.</summary>
    /// <param name="address">Address, as the device writes it.</param>
    /// <param name="data">Data, as the device writes it.</param>
    public abstract void Send(ulong address, uint data);
}
