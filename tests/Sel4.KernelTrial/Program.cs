using System.Runtime;

namespace Makatea.Sel4;

/// <summary>Tries the root task's parts on the real kernel. The last line of the console is <c>trial: N passed, N failed</c>.</summary>
internal static unsafe class Program
{
    private const int Rounds = 1000;

    private static Resources s_resources;
    private static ulong s_passed;
    private static ulong s_failed;

    [RuntimeExport("RootTaskMain")]
    private static void Main(BootInformation* information)
    {
        Board.Use(Archive.Board());
        KernelCall.UseBuffer((ulong*)information->IpcBuffer);
        bool taken = Resources.TryTake(information, out s_resources);
        SerialConsole.Open(s_resources.Slots.Allocate(1));
        Say("memory and slots are taken over", taken && s_resources.Untyped.FreeBytes > 64 << 20 && s_resources.Slots.Available > 10_000);
        Say("objects of every size come and go without a loss", TryObjects());
        Say("what was derived goes with its memory", TryRevocation());
        Say("memory that is in use is not given out again", TryExhaustion());
        Say("registers of a device are found by their address", TryDevice());
        SerialConsole.Write("trial: ");
        SerialConsole.Write(s_passed);
        SerialConsole.Write(" passed, ");
        SerialConsole.Write(s_failed);
        SerialConsole.Write(" failed\n");
        for (; ; )
        {
            KernelCall.Invoke(CapabilitySpace.Tcb, BoardValue.TCBSuspend, 0, 0);
        }
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
        int last = UntypedBlock.None;
        int count = 0;
        int first = UntypedBlock.None;
        for (int block = s_resources.Untyped.Allocate(20); block != UntypedBlock.None; block = s_resources.Untyped.Allocate(20))
        {
            if (block == last)
            {
                return false;
            }

            first = first == UntypedBlock.None ? block : first;
            last = block;
            count++;
        }

        if (bytes - s_resources.Untyped.FreeBytes != (ulong)count << 20)
        {
            return false;
        }

        // Blocks are numbered within the table: all that are in use and not ours refuse.
        for (int block = 0; block < Resources.MaxBlocks; block++)
        {
            s_resources.Untyped.Free(block);
        }

        return bytes == s_resources.Untyped.FreeBytes;
    }

    private static bool TryDevice()
    {
        const ulong Hpet = 0xfed0_0000;
        int block = s_resources.Untyped.AllocateDevice(Hpet, 12);
        uint slot = s_resources.Slots.Allocate(1);
        return block != UntypedBlock.None && Make(block, BoardValue.ObjectPage, 0, slot, 1) && s_resources.Untyped.AllocateDevice(Hpet, 12) == UntypedBlock.None
            && KernelCall.Invoke(slot, BoardValue.X86PageGetAddress, 0, 0).Value == Hpet && s_resources.Untyped.Free(block) && s_resources.Slots.Free(slot, 1);
    }

    private static bool Make(int block, BoardValue type, int bits, uint slot, uint count) =>
        block != UntypedBlock.None && CapabilitySpace.Retype(s_resources.Untyped.SlotOf(block), type, bits, slot, count).IsDone;
}
