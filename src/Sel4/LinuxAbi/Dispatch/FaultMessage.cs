namespace Makatea.Sel4.LinuxAbi;

/// <summary>What arrives where faults do. Its words are good until the next call of the kernel.</summary>
internal unsafe struct FaultMessage
{
    /// <summary>The thread's number plus one, or <see cref="Event"/>.</summary>
    internal ulong Badge;

    /// <summary>What happened (seL4_Fault).</summary>
    internal ulong Label;

    internal ulong* Words;

    /// <summary>A signal to the layer: the time has come.</summary>
    internal const ulong Event = 1ul << 63;

    /// <summary>A call of the kernel's own with a capability that there is not. Words: instruction, the capability.</summary>
    internal const ulong Capability = 1;

    /// <summary>A system call that the kernel does not know. Words: <see cref="Registers"/>.</summary>
    internal const ulong UnknownCall = 2;

    /// <summary>An exception of the processor. Words: instruction, stack, flags, number, code.</summary>
    internal const ulong Exception = 3;

    /// <summary>A page that is not there, or not so. Words: instruction, address, whether it was to be executed, the processor's code.</summary>
    internal static ulong Page => Board.Get(BoardValue.FaultMemory);

    /// <summary>A breakpoint, where the kernel has its interface for debuggers. Words: instruction.</summary>
    internal const ulong Debug = 7;
}
