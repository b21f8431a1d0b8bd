using System.Runtime;

namespace Makatea.Sel4;

/// <summary>The root task: the first program that the kernel starts, which owns all of the machine.</summary>
internal static unsafe class Program
{
    private static Resources s_resources;

    [RuntimeExport("RootTaskMain")]
    private static void Main(BootInformation* information)
    {
        if (!RootThread.TryStart(information, ref s_resources))
        {
            SerialConsole.Write("makatea: the kernel gave more memory regions or fewer slots than the root task has tables for\n");
            RootThread.Halt();
        }

        SerialConsole.Write("makatea: root task, ");
        SerialConsole.Write(s_resources.Untyped.FreeBytes >> 20);
        SerialConsole.Write(" MiB of memory, ");
        SerialConsole.Write((uint)s_resources.Devices);
        SerialConsole.Write(" device regions, ");
        SerialConsole.Write(s_resources.Slots.Available);
        SerialConsole.Write(" slots\n");
        RootThread.Halt();
    }
}
