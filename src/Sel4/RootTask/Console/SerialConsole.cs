namespace Makatea.Sel4;

/// <summary>The first serial port (8250 at 0x3f8), for what the root task has to say. Polled: it says little.</summary>
internal static class SerialConsole
{
    private const ushort Base = 0x3f8;
    private const ushort LineStatus = Base + 5;
    private const ulong TransmitterIsEmpty = 1 << 5;
    private const int Patience = 100_000;

    private const ulong PortCount = 8;

    private static uint s_ports;

    /// <summary>Slot of the ports' capability.</summary>
    internal static uint Ports => s_ports;

    /// <summary>These ports are the serial port's.</summary>
    internal static bool Is(ushort first, ulong count) => s_ports != 0 && first == Base && count == PortCount;

    /// <summary>Takes the port. The kernel, where it prints, goes on doing so on the same.</summary>
    /// <param name="slot">An empty slot.</param>
    internal static KernelResult Open(uint slot)
    {
        KernelResult result = CapabilitySpace.IssuePorts(Base, Base + 7, slot);
        s_ports = result.IsDone ? slot : 0;
        return result;
    }

    /// <summary>Writes text of ASCII.</summary>
    internal static void Write(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            Put(text[i]);
        }
    }

    /// <summary>Writes bytes; those that are no ASCII text as a question mark.</summary>
    internal static unsafe void Write(Text text)
    {
        for (ulong i = 0; i < text.Length; i++)
        {
            Put(text.Bytes[i] is >= 0x20 and < 0x7f ? (char)text.Bytes[i] : '?');
        }
    }

    /// <summary>Writes a number.</summary>
    internal static void Write(ulong value, uint numberBase = 10)
    {
        if (value >= numberBase)
        {
            Write(value / numberBase, numberBase);
        }

        Put("0123456789abcdef"[(int)(value % numberBase)]);
    }

    /// <summary>Ends the line.</summary>
    internal static void EndLine() => Put('\n');

    private static void Put(char character)
    {
        if (character == '\n')
        {
            Send('\r');
        }

        Send(character);
    }

    private static void Send(char character)
    {
        if (s_ports == 0)
        {
            KernelCall.DebugPut(character);
            return;
        }

        for (int i = 0; i < Patience && (KernelCall.Invoke(s_ports, BoardValue.X86IOPortIn8, 0, 1, LineStatus).Value & TransmitterIsEmpty) == 0; i++)
        {
            // The port is slower than we are.
        }

        KernelCall.Invoke(s_ports, BoardValue.X86IOPortOut8, 0, 2, Base, character);
    }
}
