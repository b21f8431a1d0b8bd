namespace Makatea.Sel4.LinuxAbi;

/// <summary>A line that the layer itself has to say on the console.</summary>
internal static unsafe class Notice
{
    private static NoticeText s_text;
    private static int s_length;

    internal static void Begin(string text)
    {
        s_length = 0;
        Text("layer: ");
        Text(text);
    }

    internal static void Text(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            Put((byte)text[i]);
        }
    }

    internal static void Number(ulong value, uint numberBase = 10)
    {
        if (value >= numberBase)
        {
            Number(value / numberBase, numberBase);
        }

        Put((byte)"0123456789abcdef"[(int)(value % numberBase)]);
    }

    internal static void Address(ulong address)
    {
        Text("0x");
        Number(address, 16);
    }

    internal static void End()
    {
        Put((byte)'\n');
        fixed (byte* text = s_text.Bytes)
        {
            ConsoleOutput.Write(text, s_length);
        }
    }

    private static void Put(byte character)
    {
        if (s_length < NoticeText.Length)
        {
            s_text.Bytes[s_length++] = character;
        }
    }
}

/// <summary>Room for a line.</summary>
internal unsafe struct NoticeText
{
    internal const int Length = 200;

    internal fixed byte Bytes[Length];
}
