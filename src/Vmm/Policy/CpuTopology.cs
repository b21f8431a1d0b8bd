namespace Makatea.Vmm.Policy;

/// <summary>Processors of a guest: cores of one package with one thread each, whose APIC IDs are 0 and up.</summary>
/// <param name="Count">How many, 1 to 1,024.</param>
public sealed record CpuTopology(int Count)
{
    /// <summary>Bits of an APIC ID that tell the cores of the package apart.</summary>
    public int CoreBits => 32 - System.Numerics.BitOperations.LeadingZeroCount((uint)Count - 1);
}
