namespace Makatea.Platform;

/// <summary>What CPUID answers for one leaf ([SDM] 2A, CPUID).</summary>
/// <param name="Leaf">EAX of the question.</param>
/// <param name="Subleaf">ECX of the question; null where the leaf does not look at it.</param>
/// <param name="Eax">EAX of the answer.</param>
/// <param name="Ebx">EBX of the answer.</param>
/// <param name="Ecx">ECX of the answer.</param>
/// <param name="Edx">EDX of the answer.</param>
public readonly record struct CpuidEntry(uint Leaf, uint? Subleaf, uint Eax, uint Ebx, uint Ecx, uint Edx);
