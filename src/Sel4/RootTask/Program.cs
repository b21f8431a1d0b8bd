using System.Runtime;

namespace Makatea.Sel4;

internal static unsafe class Program
{
    [RuntimeExport("RootTaskMain")]
    private static void Main(byte* bootInformation)
    {
        Put("makatea: root task\n");
        for (; ; )
        {
        }
    }

    private static void Put(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            Registers r = default;
            r.Number = -12;
            r.Capability = text[i];
            Trap(&r);
        }
    }

    private struct Registers
    {
        public long Number;
        public ulong Capability;
        public ulong Info;
        public ulong M0, M1, M2, M3;
        public ulong Reply;
    }

    [RuntimeImport("*", "Sel4Trap")]
    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.InternalCall)]
    private static extern void Trap(Registers* registers);
}
