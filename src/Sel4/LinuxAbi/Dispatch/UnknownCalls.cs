namespace Makatea.Sel4.LinuxAbi;

/// <summary>System calls that the layer does not know: each is named once.</summary>
internal static unsafe class UnknownCalls
{
    private const int Words = 8;
    private const int WordBits = 64;

    private static NamedCalls s_named;

    /// <summary>Forgets which were named.</summary>
    internal static void Start() => s_named = default;

    internal static long Refuse(ulong number)
    {
        bool isListed = number < Words * WordBits;
        ulong word = number / WordBits;
        ulong bit = 1ul << (int)(number % WordBits);
        if (!isListed || (s_named.Words[word] & bit) == 0)
        {
            if (isListed)
            {
                s_named.Words[word] |= bit;
            }

            Notice.Begin("system call ");
            Notice.Number(number);
            Notice.Text(" is not there");
            Notice.End();
        }

        return Errno.NotImplemented;
    }

    /// <summary>A bit for each number.</summary>
    private struct NamedCalls
    {
        internal fixed ulong Words[UnknownCalls.Words];
    }
}
