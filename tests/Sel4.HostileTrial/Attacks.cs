using System.Runtime.CompilerServices;

namespace Makatea.Sel4;

/// <summary>What the attacker tries, one deed each time that it is started.</summary>
internal static unsafe class Attacks
{
    /// <summary>Deeds after which the attacker is to be gone: the kernel stops it there.</summary>
    internal const int Fatal = 17;

    /// <summary>Deeds that are refused, and that the attacker may live on after.</summary>
    internal const int Refused = 2;

    /// <summary>All deeds.</summary>
    internal const int Count = Fatal + Refused;

    private const ulong KernelAddress = 0xffff_ff80_0000_0000;
    private const ulong Elsewhere = 0x5_0000_0000;

    internal static string Name(int deed) => deed switch
    {
        0 => "reads the kernel's memory",
        1 => "writes the kernel's memory",
        2 => "reads where nothing is",
        3 => "writes where the victim's treasure is in the victim",
        4 => "writes what it is told by the root task",
        5 => "writes a region that it may read",
        6 => "writes its own program",
        7 => "calls a place that is not there",
        8 => "reads the serial port",
        9 => "writes the ports of configuration space",
        10 => "stops the processor",
        11 => "reads a model-specific register",
        12 => "loads page tables of its own",
        13 => "raises an interrupt",
        14 => "makes a system call that is none",
        15 => "runs over the end of its stack",
        16 => "tells the root task of a fault that is none",
        17 => "asks for what is the victim's, and for more priority",
        _ => "invokes every slot in every way",
    };

    internal static void Do(int deed)
    {
        ulong* result = (ulong*)Self.Find(GrantKind.Region, Roles.Result)->Address;
        switch (deed)
        {
            case 0:
                Volatile.Read((ulong*)KernelAddress);
                break;
            case 1:
                Volatile.Write((ulong*)KernelAddress, 0);
                break;
            case 2:
                Volatile.Read((ulong*)Elsewhere);
                break;
            case 3:
                // The first grant of the victim; of the attacker it is one that lies elsewhere.
                Volatile.Write((ulong*)(ComponentLayout.Grants + 0x1000_0000), 0);
                break;
            case 4:
                Volatile.Write((ulong*)ComponentLayout.Info, 0);
                break;
            case 5:
                Volatile.Write((ulong*)Self.Find(GrantKind.Region, Roles.ReadOnly)->Address, 0);
                break;
            case 6:
                Volatile.Write((ulong*)ComponentLayout.Layer, 0);
                break;
            case 7:
                ((delegate*<void>)Elsewhere)();
                break;
            case 8:
                Instructions.ReadPort(0x3f8);
                break;
            case 9:
                Instructions.WritePort(0xcf8, 0x8000_0000);
                break;
            case 10:
                Instructions.Halt();
                break;
            case 11:
                Instructions.ReadMsr();
                break;
            case 12:
                Instructions.WritePageTables(0);
                break;
            case 13:
                Instructions.Interrupt();
                break;
            case 14:
                Instructions.SystemCall();
                break;
            case 15:
                Overflow(1);
                break;
            case 16:
                // It is taken for its own.
                Self.Ask((RootRequest)Board.Get(BoardValue.FaultMemory), 1, 2, 3, 4);
                break;
            case 17:
                Volatile.Write(result, AllRefused() && MayNotRise() ? Roles.WasRefused : Roles.WasDone);
                return;
            default:
                Sweep();
                Volatile.Write(result, Roles.WasRefused);
                return;
        }

        Volatile.Write(result, Roles.WasDone);
    }

    private static bool AllRefused()
    {
        bool refused = true;
        for (RootRequest request = RootRequest.Start; request <= RootRequest.Usage; request++)
        {
            refused &= Self.Ask(request, Roles.Victim) == RootAnswer.Denied;
        }

        for (ulong number = 0; number < 300; number++)
        {
            refused &= Self.Ask(RootRequest.Listen, (ulong)GrantKind.Hear, number, 0, 0) == RootAnswer.Invalid
                && Self.Ask(RootRequest.Ignore, (ulong)GrantKind.Hear, number) == RootAnswer.Invalid
                && Self.Ask(RootRequest.Listen, (ulong)GrantKind.MessageInterrupt, number, 0, 0) == RootAnswer.Invalid
                && Self.Ask(RootRequest.Ignore, (ulong)GrantKind.MessageInterrupt, number) == RootAnswer.Invalid
                && Self.Ask(RootRequest.Listen, (ulong)GrantKind.PinInterrupt, number, 0, 0) == RootAnswer.Invalid
                && Self.Ask(RootRequest.ResetFunction, number) == RootAnswer.Invalid
                && Self.Ask(RootRequest.ReadConfig, number, 0, 4) == RootAnswer.Invalid
                && Self.Ask(RootRequest.WriteConfig, number, 4, 2, 0) == RootAnswer.Invalid;
        }

        return refused && Self.Ask((RootRequest)0x1234_5678) == RootAnswer.Unknown;
    }

    /// <summary>The priority that it was given is the highest that it may give.</summary>
    private static bool MayNotRise()
    {
        const ulong Highest = 255;
        KernelCall.SetCapability(0, ComponentLayout.FirstThreadSlot);
        bool refused = !KernelCall.Invoke(ComponentLayout.FirstThreadSlot, BoardValue.TCBSetPriority, 1, 1, Highest).IsDone;
        KernelCall.SetCapability(0, ComponentLayout.FirstThreadSlot);
        return refused && !KernelCall.Invoke(ComponentLayout.FirstThreadSlot, BoardValue.TCBSetMCPriority, 1, 1, Highest).IsDone;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Overflow(ulong depth)
    {
        ulong here = depth;
        Volatile.Write(&here, here + Overflow(depth + 1));
        return here;
    }

    /// <summary>Every label, at every slot that it might have and some that it cannot, with words that could be slots, addresses, numbers or sizes. It may well end itself by that.</summary>
    private static void Sweep()
    {
        for (uint slot = 0; slot < 5000; slot++)
        {
            // Its calls to the root task, and what faults of its own threads it would hear, are no objects of the kernel.
            if (slot is ComponentLayout.RootSlot or ComponentLayout.FaultSlot or ComponentLayout.ConsoleSlot)
            {
                continue;
            }

            for (BoardValue label = BoardValue.UntypedRetype; label <= BoardValue.X86IRQIssueIRQHandlerMSI; label++)
            {
                if (slot == ComponentLayout.FirstThreadSlot && label == BoardValue.TCBSuspend)
                {
                    continue;
                }

                KernelCall.SetCapability(0, ComponentLayout.TableSlot);
                KernelCall.SetCapability(1, ComponentLayout.AddressSpaceSlot);
                for (int word = 4; word < 10; word++)
                {
                    KernelCall.SetWord(word, (ulong)word);
                }

                KernelRegisters call = default;
                call.Number = (long)Board.Get(BoardValue.SysNBSend);
                call.Capability = slot;
                call.Info = (Board.Get(label) << 12) | (2 << 7) | 10;
                call.Message0 = slot ^ (uint)label;
                call.Message1 = 64;
                call.Message2 = ComponentLayout.Grants;
                call.Message3 = 12;
                KernelCall.Trap(&call);
            }
        }
    }
}
