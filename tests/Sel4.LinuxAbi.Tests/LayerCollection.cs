namespace Makatea.Sel4.LinuxAbi.Tests;

/// <summary>There is one component in the process: its addresses are those of the kernel.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class LayerCollection
{
    internal const string Name = "layer";
}
