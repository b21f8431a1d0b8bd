namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>Namespaces that a process can enter by itself. User and process namespace are <c>clone</c>'s.</summary>
internal static class NamespaceSteps
{
    private const long NewCgroup = 0x200_0000;
    private const long NewUts = 0x400_0000;
    private const long NewIpc = 0x800_0000;
    private const long NewNetwork = 0x4000_0000;

    public const string HostName = "sandbox";

    /// <summary>Enters each that is wanted.</summary>
    public static void Enter(SpawnContext context)
    {
        (SandboxLayers Layer, string Name, long Flag)[] all =
        [
            (SandboxLayers.NetworkNamespace, "CLONE_NEWNET", NewNetwork),
            (SandboxLayers.IpcNamespace, "CLONE_NEWIPC", NewIpc),
            (SandboxLayers.UtsNamespace, "CLONE_NEWUTS", NewUts),
            (SandboxLayers.CgroupNamespace, "CLONE_NEWCGROUP", NewCgroup),
        ];
        foreach ((SandboxLayers layer, string name, long flag) in all.Where(n => context.Wants(n.Layer)))
        {
            PlanLabel next = context.Label();
            context.Prove(layer, context.Plan.Add($"unshare({name})", Syscall.Unshare, flag), next);
            if (layer == SandboxLayers.UtsNamespace)
            {
                // The new namespace starts with the host's name.
                context.Plan.Add("sethostname", Syscall.Sethostname, context.Plan.Text(HostName), HostName.Length).Proves(layer).OrGoTo(next);
            }

            next.Put();
        }
    }
}
