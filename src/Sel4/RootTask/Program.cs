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
            Stop("the kernel gave more memory regions or fewer slots than the root task has tables for");
        }

        SerialConsole.Write("makatea: root task, ");
        SerialConsole.Write(s_resources.Untyped.FreeBytes >> 20);
        SerialConsole.Write(" MiB of memory, ");
        SerialConsole.Write((uint)s_resources.Devices);
        SerialConsole.Write(" device regions, ");
        SerialConsole.Write(s_resources.Slots.Available);
        SerialConsole.Write(" slots, ");
        SerialConsole.Write(s_resources.IOLevels == 0 ? "no IOMMU\n" : "an IOMMU\n");
        if (!Archive.TryFind(ManifestLayout.FileName, out Text file))
        {
            Stop("there is no manifest in the image: nothing to start");
        }

        ManifestFault fault = Manifest.Open(file, out Manifest manifest, out int entry);
        if (fault != ManifestFault.None)
        {
            SerialConsole.Write("makatea: manifest: fault ");
            SerialConsole.Write((ulong)fault);
            SerialConsole.Write(" in entry ");
            SerialConsole.Write((ulong)entry);
            SerialConsole.EndLine();
            Stop("the manifest is wrong: make the image anew, with this version");
        }

        fixed (Resources* machine = &s_resources)
        {
            if (!Supervisor.TryOpen(machine, manifest))
            {
                Stop("there is not enough memory for the regions that components share");
            }
        }

        Supervisor.StartAll();
        Supervisor.Serve();
    }

    private static void Stop(string why)
    {
        SerialConsole.Write("makatea: ");
        SerialConsole.Write(why);
        SerialConsole.EndLine();
        RootThread.Halt();
    }
}
