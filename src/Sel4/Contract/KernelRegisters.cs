namespace Makatea.Sel4;

/// <summary>Registers of one system call of the kernel, as the assembly of <c>Sel4Trap</c> has them: what the routine of <see cref="LayerRequest.KernelRoutine"/> takes.</summary>
public struct KernelRegisters
{
    /// <summary>Number of the call.</summary>
    public long Number;

    /// <summary>In: the capability. Out: the sender's badge.</summary>
    public ulong Capability;

    /// <summary>Label, extra capabilities and length of the message.</summary>
    public ulong Info;

    /// <summary>First word of the message.</summary>
    public ulong Message0;

    /// <summary>Second word.</summary>
    public ulong Message1;

    /// <summary>Third word.</summary>
    public ulong Message2;

    /// <summary>Fourth word.</summary>
    public ulong Message3;

    /// <summary>The reply object of a call that receives.</summary>
    public ulong Reply;
}
