namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>What all step builders need to know.</summary>
/// <param name="Plan">To add steps to.</param>
/// <param name="Options">What is wanted.</param>
/// <param name="Layout">The paths, resolved.</param>
/// <param name="CloneFlags">The namespaces that the new process starts in.</param>
internal sealed record SpawnContext(SpawnPlan Plan, SandboxOptions Options, RootLayout Layout, ulong CloneFlags)
{
    public const ulong NewUser = 0x1000_0000;
    public const ulong NewProcesses = 0x2000_0000;
    public const ulong ProcessDescriptor = 0x1000;

    /// <summary>User and group inside a user namespace: an ordinary one.</summary>
    public const uint InnerId = 1000;

    public bool HasUserNamespace => (CloneFlags & NewUser) != 0;

    public bool HasProcessNamespace => (CloneFlags & NewProcesses) != 0;

    public bool Wants(SandboxLayers layer) => (Options.Layers & layer) != 0;

    public PlanLabel Label() => new(Plan);

    /// <summary>Makes a step the proof of a layer: fatal where the layer is required, else a failure goes to the label.</summary>
    public PlanStep Prove(SandboxLayers layer, PlanStep step, PlanLabel otherwise)
    {
        step.Proves(layer);
        return (Options.Required & layer) != 0 ? step : step.OrGoTo(otherwise);
    }
}
