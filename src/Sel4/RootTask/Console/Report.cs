namespace Makatea.Sel4;

/// <summary>What the root task says of components, a line each.</summary>
internal static unsafe class Report
{
    // Kinds of faults (seL4_Fault_tag).
    private const ulong CapabilityFault = 1;
    private const ulong UnknownCall = 2;
    private const ulong UserException = 3;

    internal static void Started(Text name, ulong generation)
    {
        Begin(name);
        Say("started");
        if (generation > 1)
        {
            Say(" again, start ");
            SerialConsole.Write(generation);
        }

        SerialConsole.EndLine();
    }

    internal static void NotStarted(Text name, ComponentFault fault)
    {
        Begin(name);
        switch (fault)
        {
            case ComponentFault.Program:
                Say("not started: its program is not in the image, or is none");
                break;
            case ComponentFault.Memory:
                Say("not started: there is not enough memory, or there are not enough slots");
                break;
            case ComponentFault.Grant:
                Say("not started: a device, file or port that it is granted is not there, or is in use");
                break;
            default:
                Say("not started: the kernel refused");
                break;
        }

        SerialConsole.EndLine();
    }

    internal static void Ended(Text name)
    {
        Begin(name);
        Say("ended");
        SerialConsole.EndLine();
    }

    internal static void GivenUp(Text name, ulong failures)
    {
        Begin(name);
        Say("left as it is after ");
        SerialConsole.Write(failures);
        Say(" failures");
        SerialConsole.EndLine();
    }

    internal static void Unprotected(Text name)
    {
        Begin(name);
        Say("no IOMMU protects memory from this function");
        SerialConsole.EndLine();
    }

    /// <summary>A guest that cannot be made.</summary>
    internal static void NoGuests(Text name)
    {
        Begin(name);
        Say("this kernel has no virtual processors: it is not one with VT-x");
        SerialConsole.EndLine();
    }

    /// <summary>A fault of a first thread, as the kernel tells it.</summary>
    internal static void Fault(Text name, in KernelMessage message)
    {
        ulong* words = message.Words;
        Begin(name);
        if (message.Label == Board.Get(BoardValue.FaultMemory))
        {
            const ulong IsWrite = 2;
            Say(words[2] != 0 ? "ended: fetched an instruction at " : (words[3] & IsWrite) != 0 ? "ended: wrote to " : "ended: read ");
            SayAddress(words[1]);
            At(words[0]);
            SerialConsole.EndLine();
            return;
        }

        switch (message.Label)
        {
            case UserException:
                Say("ended: exception ");
                SerialConsole.Write(words[3]);
                At(words[0]);
                break;
            case UnknownCall:
                const int Instruction = 15;
                Say("ended: a system call that is none");
                At(words[Instruction]);
                break;
            case CapabilityFault:
                Say("ended: used a capability that it has not, slot ");
                SerialConsole.Write(words[1]);
                At(words[0]);
                break;
            default:
                Say("ended: fault ");
                SerialConsole.Write(message.Label);
                At(words[0]);
                break;
        }

        SerialConsole.EndLine();
    }

    /// <summary>What a layer says of the end of its program.</summary>
    internal static void Exit(Text name, ExitReason reason, ulong instruction, ulong what, ulong thread)
    {
        Begin(name);
        switch (reason)
        {
            case ExitReason.Status:
                Say("ended with status ");
                SerialConsole.Write(what);
                break;
            case ExitReason.Signal:
                Say("ended by signal ");
                SerialConsole.Write(what);
                At(instruction);
                Thread(thread);
                break;
            case ExitReason.Memory:
                Say("ended: it has no memory left for ");
                SayAddress(what);
                At(instruction);
                Thread(thread);
                break;
            default:
                Say("ended by its Linux ABI layer, reason ");
                SerialConsole.Write(what);
                At(instruction);
                break;
        }

        SerialConsole.EndLine();
    }

    private static void Begin(Text name)
    {
        Say("makatea: ");
        SerialConsole.Write(name);
        Say(": ");
    }

    private static void Thread(ulong thread)
    {
        Say(", thread ");
        SerialConsole.Write(thread);
    }

    private static void At(ulong instruction)
    {
        Say(", instruction at ");
        SayAddress(instruction);
    }

    private static void SayAddress(ulong address)
    {
        Say("0x");
        SerialConsole.Write(address, 16);
    }

    private static void Say(string text) => SerialConsole.Write(text);
}
