using System.Runtime;

namespace Makatea.Sel4;

/// <summary>The console: receives what the others say and writes it, a line at a time. Its first argument is its own name, the others are the names of all components in their order.</summary>
internal static unsafe class Program
{
    private static Lines s_lines;

    [RuntimeExport("ConsoleMain")]
    private static void Main(ComponentInfo* info)
    {
        Board.Use((long*)((byte*)info + info->BoardOffset));
        KernelCall.UseBuffer((ulong*)ComponentLayout.IpcBuffer);
        var names = new WriterNames((byte*)info + info->ArgumentsOffset, info->ArgumentsLength);
        var port = SerialPort.Open(FindPorts(info));
        fixed (Lines* lines = &s_lines)
        {
            for (; ; )
            {
                KernelMessage message = KernelCall.Receive(ComponentLayout.FaultSlot, (uint)info->FirstReply);
                ulong number = message.Badge - 1;
                int length = TextMessage.Length(message.Words[0], message.Length);
                if (message.Label != 0 || length < 0 || number >= ManifestLayout.MaxComponents)
                {
                    continue;
                }

                byte* name = names.Find(number, out int nameLength);
                LineWriter.Take(ref port, ref ((LineBuffer*)lines)[number], name, nameLength, (byte*)(message.Words + 1), length);
            }
        }
    }

    private static uint FindPorts(ComponentInfo* info)
    {
        var grants = (GrantInfo*)((byte*)info + info->GrantsOffset);
        for (ulong i = 0; i < info->GrantCount; i++)
        {
            if (grants[i].Kind == GrantKind.Ports)
            {
                return (uint)grants[i].Slot;
            }
        }

        return 0;
    }

    /// <summary>A line for each writer.</summary>
    private struct Lines
    {
        internal fixed byte Bytes[ManifestLayout.MaxComponents * 256];
    }
}
