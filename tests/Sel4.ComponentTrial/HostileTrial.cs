using System.Runtime;
using System.Runtime.CompilerServices;

namespace Makatea.Sel4;

/// <summary>Plays a component that does what it may not: its second argument says what. It gets no further.</summary>
internal static unsafe class HostileTrial
{
    private const ulong KernelMemory = 0xffff_ff80_0010_0000;
    private const ushort KeyboardController = 0x64;
    private const byte ResetMachine = 0xfe;

    internal static void Run()
    {
        switch (Self.Argument(1)[0])
        {
            case (byte)'r':
                // A region of others', where they have it.
                Volatile.Read((ulong*)ComponentLayout.Grants);
                break;
            case (byte)'k':
                Volatile.Read((ulong*)KernelMemory);
                break;
            case (byte)'c':
                Volatile.Write((ulong*)ComponentLayout.Layer, 0);
                break;
            case (byte)'i':
                // The root task relies on what it wrote there.
                Self.Info->GrantCount = 0;
                break;
            case (byte)'s':
                Overflow(1);
                break;
            case (byte)'p':
                WritePort(KeyboardController, ResetMachine);
                break;
            case (byte)'d':
                DisableInterrupts();
                break;
            case (byte)'f':
                // A request that looks like a fault of memory is the end of who makes it.
                Self.Ask((RootRequest)Board.Get(BoardValue.FaultMemory), 1, 2, 3, 4);
                break;
            default:
                TryCapabilities();
                break;
        }

        Self.Say("FAILED: a hostile component went on\n");
    }

    /// <summary>Uses every slot behind those of its threads and its messages for what it could be, and its own thread for more than it may. Nothing comes of it; a slot beyond its table is its end.</summary>
    private static void TryCapabilities()
    {
        ulong done = 0;
        for (ulong slot = Self.Info->FirstUntyped; slot < Self.Info->EndEmpty; slot++)
        {
            done += IsDone(slot, BoardValue.IRQAckIRQ) + IsDone(slot, BoardValue.IRQClearIRQHandler) + IsDone(slot, BoardValue.X86IOPortIn8, 0x64) + IsDone(slot, BoardValue.X86PageGetAddress)
                + IsDone(slot, BoardValue.TCBSuspend) + IsDone(slot, BoardValue.SchedContextUnbind);
        }

        // The priority that it was given is the highest that it may give.
        const ulong Highest = 255;
        KernelCall.SetCapability(0, ComponentLayout.FirstThreadSlot);
        done += KernelCall.Invoke(ComponentLayout.FirstThreadSlot, BoardValue.TCBSetPriority, 1, 1, Highest).IsDone ? 1ul : 0;
        KernelCall.SetCapability(0, ComponentLayout.FirstThreadSlot);
        done += KernelCall.Invoke(ComponentLayout.FirstThreadSlot, BoardValue.TCBSetMCPriority, 1, 1, Highest).IsDone ? 1ul : 0;
        Self.Say(done == 0 ? "passed: no slot of a component holds what it was not given\n" : "FAILED: a slot of a component holds what it was not given\n");
        IsDone(Self.Info->EndEmpty, BoardValue.TCBSuspend);
    }

    private static ulong IsDone(ulong slot, BoardValue label, ulong word = 0) => KernelCall.Invoke(slot, label, 0, 1, word).IsDone ? 1ul : 0;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Overflow(ulong depth)
    {
        ulong here = depth;
        Volatile.Write(&here, here + Overflow(depth + 1));
        return here;
    }

    [RuntimeImport("*", "WritePort")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern void WritePort(ushort port, byte value);

    [RuntimeImport("*", "DisableInterrupts")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    private static extern void DisableInterrupts();
}
