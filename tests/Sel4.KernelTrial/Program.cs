using System.Runtime;

namespace Makatea.Sel4;

/// <summary>Tries the root task's parts on the real kernel. The last line of the console is <c>trial: N passed, N failed</c>.</summary>
internal static unsafe partial class Program
{
    private const int Rounds = 1000;

    private static Resources s_resources;
    private static ulong s_passed;
    private static ulong s_failed;

    [RuntimeExport("RootTaskMain")]
    private static void Main(BootInformation* information)
    {
        bool taken = RootThread.TryStart(information, ref s_resources);
        Say("memory and slots are taken over", taken && s_resources.Untyped.FreeBytes > 64 << 20 && s_resources.Slots.Available > 10_000);
        Say("objects of every size come and go without a loss", TryObjects());
        Say("what was derived goes with its memory", TryRevocation());
        Say("memory that is in use is not given out again", TryExhaustion());
        Say("registers of a device are found by their address", TryDevice());
        if (Board.Get(BoardValue.SysVMEnter) != 0)
        {
            TryGuests();
        }

        TryComponents();
        SerialConsole.Write("trial: ");
        SerialConsole.Write(s_passed);
        SerialConsole.Write(" passed, ");
        SerialConsole.Write(s_failed);
        SerialConsole.Write(" failed\n");
        RootThread.Halt();
    }

    private static void Say(string what, bool passed)
    {
        SerialConsole.Write(passed ? "passed: " : "FAILED: ");
        SerialConsole.Write(what);
        SerialConsole.EndLine();
        s_passed += passed ? 1u : 0;
        s_failed += passed ? 0 : 1u;
    }

    private static bool TryObjects()
    {
        ulong bytes = s_resources.Untyped.FreeBytes;
        uint slots = s_resources.Slots.Available;
        for (int round = 0; round < Rounds; round++)
        {
            // A component in small: its thread, capability table, address space and pages.
            uint slot = s_resources.Slots.Allocate(20);
            int thread = s_resources.Untyped.Allocate((int)Board.Get(BoardValue.TcbBits));
            int table = s_resources.Untyped.Allocate(10);
            int space = s_resources.Untyped.Allocate(12);
            int pages = s_resources.Untyped.Allocate(16 + (round % 4));
            bool made = Make(thread, BoardValue.ObjectTcb, 0, slot, 1) && Make(table, BoardValue.ObjectCapTable, 5, slot + 1, 1)
                && Make(space, BoardValue.ObjectPml4, 0, slot + 2, 1) && Make(pages, BoardValue.ObjectPage, 0, slot + 3, 16);
            bool freed = s_resources.Untyped.Free(thread) && s_resources.Untyped.Free(table) && s_resources.Untyped.Free(space) && s_resources.Untyped.Free(pages)
                && s_resources.Slots.Free(slot, 20);
            if (!made || !freed)
            {
                return false;
            }
        }

        return bytes == s_resources.Untyped.FreeBytes && slots == s_resources.Slots.Available;
    }

    private static bool TryRevocation()
    {
        uint slot = s_resources.Slots.Allocate(2);
        int block = s_resources.Untyped.Allocate(12);
        bool made = Make(block, BoardValue.ObjectPage, 0, slot, 1) && !Make(block, BoardValue.ObjectPage, 0, slot + 1, 1);

        // Slots are empty afterwards: something else fits in.
        return s_resources.Untyped.Free(block) && made && (block = s_resources.Untyped.Allocate(12)) != UntypedBlock.None
            && Make(block, BoardValue.ObjectPage, 0, slot, 1) && s_resources.Untyped.Free(block) && s_resources.Slots.Free(slot, 2);
    }

    private static bool TryExhaustion()
    {
        ulong bytes = s_resources.Untyped.FreeBytes;
        ulong count = 0;
        int newest = UntypedBlock.None;
        for (int block = s_resources.Untyped.Allocate(20); block != UntypedBlock.None; block = s_resources.Untyped.Allocate(20))
        {
            s_resources.Untyped.LinkOf(block) = newest;
            newest = block;
            count++;
        }

        bool passed = count > 32 && bytes - s_resources.Untyped.FreeBytes == count << 20;
        while (newest != UntypedBlock.None)
        {
            int next = s_resources.Untyped.LinkOf(newest);
            passed &= s_resources.Untyped.Free(newest);
            newest = next;
        }

        return passed && bytes == s_resources.Untyped.FreeBytes;
    }

    private static bool TryDevice()
    {
        const ulong Hpet = 0xfed0_0000;
        int block = s_resources.Untyped.AllocateDevice(Hpet, 12);
        uint slot = s_resources.Slots.Allocate(1);
        return block != UntypedBlock.None && Make(block, BoardValue.ObjectPage, 0, slot, 1) && s_resources.Untyped.AllocateDevice(Hpet, 12) == UntypedBlock.None
            && KernelCall.Invoke(slot, BoardValue.X86PageGetAddress, 0, 0).Value == Hpet && s_resources.Untyped.Free(block) && s_resources.Slots.Free(slot, 1);
    }

    private static void TryComponents()
    {
        const ulong UnknownSyscall = 2;
        const ulong UserException = 3;
        ulong virtualMemory = Board.Get(BoardValue.FaultMemory);
        const ulong InvalidOpcode = 6;
        const ulong Protection = 13;
        Say("an instruction that is none is reported", Fault("0f0b").Is(UserException, 3, InvalidOpcode));
        Say("a privileged instruction is reported", Fault("f4").Is(UserException, 3, Protection));
        Say("a port that was not given is out of reach", Fault("66baf803ee").Is(UserException, 3, Protection));
        Say("memory that was not given is out of reach", Fault("c6042500b0ad5e01").Is(virtualMemory, 1, 0x5ead_b000));
        Say("memory of the kernel is out of reach", Fault("48b800000000c0ffffff8a00").Is(virtualMemory, 1, 0xffff_ffc0_0000_0000));
        Say("code cannot be changed", Fault("c604250000400001").Is(virtualMemory, 1, TrialProgram.Address));
        Say("a system call of Linux arrives with its registers", Fault("b834120000cdc0").Is(UnknownSyscall, 0, 0x1234));
        Say("a component has the stack that it was given", Fault("68efbeadde58cdc0").Is(UnknownSyscall, 0, 0xffff_ffff_dead_beef));
        Say("a program that is none is refused and costs nothing", TryWrongProgram());
        Say("one that takes all the time that it gets does not keep another from running", TryTime());
        Say("a thousand components come and go without a loss", TryThousand());
    }

    /// <summary>Runs a component until it faults, and ends it.</summary>
    private static TrialFault Fault(string code)
    {
        ulong bytes = s_resources.Untyped.FreeBytes;
        uint slots = s_resources.Slots.Available;
        if (!TryStart(code, 7, out Component component))
        {
            return default;
        }

        KernelMessage message = KernelCall.Receive(s_resources.Faults, s_resources.FaultReply);
        TrialFault fault = default;
        fault.Label = message.Label;
        fault.Badge = message.Badge;
        fault.Word0 = message.Words[0];
        fault.Word1 = message.Words[1];
        fault.Word3 = message.Words[3];
        fault.IsWhole = component.Destroy() && bytes == s_resources.Untyped.FreeBytes && slots == s_resources.Slots.Available;
        return fault;
    }

    private static bool TryStart(string code, ulong badge, out Component component)
    {
        ComponentPlan plan = Plan(badge, TrialProgram.Make(code));
        fixed (Resources* machine = &s_resources)
        {
            return Component.Make(machine, plan, out component) == ComponentFault.None && component.Run();
        }
    }

    /// <summary>A component whose faults have a badge.</summary>
    private static ComponentPlan Plan(ulong badge, byte* image) =>
        new() { Number = (uint)badge - 1, Layer = new Text(image, TrialProgram.Length), Priority = 100, Budget = 1000, Period = 10_000, Memory = 64 << 10 };

    private static bool TryWrongProgram()
    {
        ulong bytes = s_resources.Untyped.FreeBytes;
        uint slots = s_resources.Slots.Available;
        byte* image = TrialProgram.Make("90");
        image[18] = 3;
        fixed (Resources* machine = &s_resources)
        {
            bool refused = Component.Make(machine, Plan(1, image), out _) == ComponentFault.Program;

            // Nor is there memory for every wish.
            ComponentPlan plan = Plan(1, TrialProgram.Make("90"));
            plan.Memory = 1ul << 34;
            refused &= Component.Make(machine, plan, out _) == ComponentFault.Memory;
            return refused && bytes == s_resources.Untyped.FreeBytes && slots == s_resources.Slots.Available;
        }
    }

    private static bool TryTime()
    {
        const string Forever = "ebfe";
        bool first = TryStart(Forever, 1, out Component busy);
        bool second = TryStart("0f0b", 2, out Component other);
        ulong badge = first && second ? KernelCall.Receive(s_resources.Faults, s_resources.FaultReply).Badge : 0;
        return busy.Destroy() & other.Destroy() && badge == 2;
    }

    private static bool TryThousand()
    {
        ulong bytes = s_resources.Untyped.FreeBytes;
        uint slots = s_resources.Slots.Available;
        for (int round = 0; round < Rounds; round++)
        {
            if (!TryStart("ebfe", 1, out Component component) || !component.Destroy())
            {
                return false;
            }
        }

        return bytes == s_resources.Untyped.FreeBytes && slots == s_resources.Slots.Available;
    }

    private static bool Make(int block, BoardValue type, int bits, uint slot, uint count) =>
        block != UntypedBlock.None && CapabilitySpace.Retype(s_resources.Untyped.SlotOf(block), type, bits, slot, count).IsDone;
}

/// <summary>A fault as the root task heard of it.</summary>
internal struct TrialFault
{
    internal ulong Label;
    internal ulong Badge;
    internal ulong Word0;
    internal ulong Word1;
    internal ulong Word3;

    /// <summary>All that the component had came back.</summary>
    internal bool IsWhole;

    internal readonly bool Is(ulong label, int word, ulong value) =>
        Label == label && Badge == 7 && IsWhole && (word == 0 ? Word0 : word == 1 ? Word1 : Word3) == value;
}
