namespace Makatea.Platform;

/// <summary>A model-specific register and its value.</summary>
/// <param name="Number">As in ECX of RDMSR.</param>
/// <param name="Value">Its 64 bits.</param>
public readonly record struct MsrValue(uint Number, ulong Value);
