namespace Makatea.Sel4.LinuxAbi;

/// <summary>Where the program's output goes: to the console's component, or to the kernel's own console.</summary>
internal static unsafe class ConsoleOutput
{
    private static bool s_hasConsole;

    internal static void Start(bool hasConsole) => s_hasConsole = hasConsole;

    internal static void Write(byte* text, int length)
    {
        if (s_hasConsole)
        {
            LayerKernel.Write(text, length);
            return;
        }

        for (int i = 0; i < length; i++)
        {
            LayerKernel.Put(text[i]);
        }
    }
}
