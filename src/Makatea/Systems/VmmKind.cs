namespace Makatea.Systems;

/// <summary>What a qube runs in.</summary>
internal enum VmmKind
{
    /// <summary>makatea-vmm, on KVM.</summary>
    Makatea,

    /// <summary>QEMU, on KVM or without it.</summary>
    Qemu,
}
