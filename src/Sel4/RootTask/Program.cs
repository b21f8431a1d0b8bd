using System.Runtime;

namespace Makatea.Sel4;

/// <summary>The root task: the first program that the kernel starts, which owns all of the machine.</summary>
internal static unsafe class Program
{
    private static Resources s_resources;

    [RuntimeExport("RootTaskMain")]
    private static void Main(BootInformation* information)
    {
        Board.Use(Archive.Board());
        KernelCall.UseBuffer((ulong*)information->IpcBuffer);
        bool taken;
        fixed (Resources* resources = &s_resources)
        {
            taken = Resources.TryTake(information, resources);
        }

        if (!taken)
        {
            SerialConsole.Write("makatea: the kernel gave more memory regions or fewer slots than the root task has tables for\n");
            Halt();
        }

        SerialConsole.Open(s_resources.Slots.Allocate(1));
        SerialConsole.Write("makatea: root task, ");
        SerialConsole.Write(s_resources.Untyped.FreeBytes >> 20);
        SerialConsole.Write(" MiB of memory, ");
        SerialConsole.Write((uint)s_resources.Devices);
        SerialConsole.Write(" device regions, ");
        SerialConsole.Write(s_resources.Slots.Available);
        SerialConsole.Write(" slots\n");
        Halt();
    }

    /// <summary>The root task has nothing left to do.</summary>
    private static void Halt()
    {
        for (; ; )
        {
            KernelCall.Invoke(CapabilitySpace.Tcb, BoardValue.TCBSuspend, 0, 0);
        }
    }
}
