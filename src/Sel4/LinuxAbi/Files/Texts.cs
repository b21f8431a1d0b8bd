namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// Files that say how things are, as far as .NET and the C library read them. The component's memory is a control group's limit to the program, so that the collector takes its heap's hard limit
/// from the manifest.
/// </summary>
internal static unsafe class Texts
{
    private static ComponentInfo* s_info;

    internal static void Start(ComponentInfo* info) => s_info = info;

    /// <summary>Reads a part of a file.</summary>
    /// <returns>How many bytes; 0 at its end.</returns>
    internal static long Read(Node node, ulong offset, byte* target, ulong length)
    {
        var sink = new TextSink(target, offset, length);
        ulong total = PageStore.Total;
        ulong used = PageStore.Used;
        switch (node)
        {
            case Node.Maps:
                Maps(ref sink);
                break;
            case Node.MountInfo:
                sink.Text("1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
                break;
            case Node.Groups:
                sink.Text("0::/\n");
                break;
            case Node.MemoryStatus:
                Kilobytes(ref sink, "MemTotal:       ", total);
                Kilobytes(ref sink, "MemFree:        ", total - used);
                Kilobytes(ref sink, "MemAvailable:   ", total - used);
                Kilobytes(ref sink, "SwapFree:       ", 0);
                break;
            case Node.Statm:
                sink.Number(used);
                sink.Text(" ");
                sink.Number(used);
                sink.Text(" 0 0 0 0 0\n");
                break;
            case Node.CommandLine:
                for (ulong i = 0; i < s_info->ArgumentsLength; i++)
                {
                    sink.Put(((byte*)s_info)[s_info->ArgumentsOffset + i]);
                }

                break;
            case Node.ProcessorsOnline:
                sink.Text("0\n");
                break;
            case Node.GroupMemoryMost:
                sink.Number(total * RegionTable.PageSize);
                sink.Text("\n");
                break;
            case Node.GroupMemoryNow:
                sink.Number(used * RegionTable.PageSize);
                sink.Text("\n");
                break;
            case Node.GroupMemoryStatus:
                sink.Text("anon ");
                sink.Number(used * RegionTable.PageSize);
                sink.Text("\ninactive_file 0\n");
                break;
            default:
                break;
        }

        return (long)sink.Taken;
    }

    private static void Maps(ref TextSink sink)
    {
        for (int i = 0; AddressSpace.TryGet(i, out Region region); i++)
        {
            sink.Number(region.Start, 16, 8);
            sink.Text("-");
            sink.Number(region.End, 16, 8);
            sink.Text((region.Rights & PageRights.Read) != 0 ? " r" : " -");
            sink.Text((region.Rights & PageRights.Write) != 0 ? "w" : "-");
            sink.Text((region.Rights & PageRights.Execute) != 0 ? "x" : "-");
            sink.Text("p 00000000 00:00 0");
            sink.Text(region.End == InitialStack.End ? "          [stack]\n" : "\n");
        }
    }

    private static void Kilobytes(ref TextSink sink, string name, ulong pages)
    {
        sink.Text(name);
        sink.Number(pages * (RegionTable.PageSize / 1024));
        sink.Text(" kB\n");
    }
}
