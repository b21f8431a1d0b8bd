namespace Makatea.Vmm.Policy;

/// <summary>The features of one register that guests may have, by the names of Linux and their bits; what is not named is taken out.</summary>
/// <param name="Leaf">EAX of the question.</param>
/// <param name="Subleaf">ECX of the question.</param>
/// <param name="Register">Where in the answer.</param>
/// <param name="Features">Names and bits.</param>
internal sealed record FeatureWord(uint Leaf, uint Subleaf, CpuidRegister Register, params (string Name, int Bit)[] Features)
{
    internal uint Mask { get; } = Features.Aggregate(0U, (mask, feature) => mask | 1U << feature.Bit);
}
