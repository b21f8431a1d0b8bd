namespace Makatea.Sel4.LinuxAbi.Tests;

/// <summary>The layer told the root task that its component ends.</summary>
internal sealed class ComponentEnded(ExitReason reason, ulong instruction, ulong detail, ulong thread) : Exception($"{reason} at 0x{instruction:x}, {detail}, thread {thread}")
{
    public ExitReason Reason => reason;

    public ulong Instruction => instruction;

    public ulong Detail => detail;

    public ulong Thread => thread;
}
