namespace Makatea.Sel4.LinuxAbi;

/// <summary>
/// Random numbers: ChaCha20's key stream (RFC 8439), whose key comes from the processor's generator (RDRAND) and its time-stamp counter, and is replaced by the stream itself after each request, so that
/// what was given out is not found again. Where the processor has no generator, the counter is all, and that is said.
/// </summary>
internal static unsafe class RandomNumbers
{
    private const int KeyWords = 8;
    private const int Rounds = 10;

    // Static, as the layer has one thread, and arrays on the stack would want the compiler's guards.
    private static RandomKey s_key;
    private static RandomKey s_next;
    private static RandomBlock s_start;
    private static RandomBlock s_block;
    private static bool s_isKeyed;

    /// <summary>Takes a key.</summary>
    internal static void Start()
    {
        bool isRandom = true;
        ulong spread = 0;
        for (int i = 0; i < KeyWords; i++)
        {
            ulong random = LayerKernel.Random();
            isRandom &= random != 0;
            spread = ((spread ^ LayerKernel.Ticks()) * 0x9e37_79b9_7f4a_7c15) ^ (spread >> 29);
            s_key.Words[i] = (uint)(random ^ (random >> 32) ^ spread);
        }

        s_isKeyed = isRandom;
    }

    /// <summary>Fills memory.</summary>
    internal static void Fill(byte* target, ulong length)
    {
        if (!s_isKeyed)
        {
            s_isKeyed = true;
            Notice.Begin("the processor has no random numbers: those of this component come from its clock");
            Notice.End();
        }

        // The next key is the first half of the first block.
        uint counter = 0;
        Make(counter++);
        for (int i = 0; i < KeyWords; i++)
        {
            s_next.Words[i] = s_block.Words[i];
        }

        int at = KeyWords * sizeof(uint);
        fixed (uint* words = s_block.Words)
        {
            for (ulong i = 0; i < length; i++)
            {
                if (at == RandomBlock.Length)
                {
                    Make(counter++);
                    at = 0;
                }

                target[i] = ((byte*)words)[at++];
            }
        }

        s_key = s_next;
    }

    private static void Make(uint counter)
    {
        s_start.Words[0] = 0x6170_7865;
        s_start.Words[1] = 0x3320_646e;
        s_start.Words[2] = 0x7962_2d32;
        s_start.Words[3] = 0x6b20_6574;
        for (int i = 0; i < KeyWords; i++)
        {
            s_start.Words[4 + i] = s_key.Words[i];
        }

        s_start.Words[12] = counter;
        s_start.Words[13] = s_start.Words[14] = s_start.Words[15] = 0;
        s_block = s_start;
        fixed (uint* x = s_block.Words)
        {
            for (int round = 0; round < Rounds; round++)
            {
                for (int i = 0; i < 4; i++)
                {
                    Quarter(x, i, 4 + i, 8 + i, 12 + i);
                }

                for (int i = 0; i < 4; i++)
                {
                    Quarter(x, i, 4 + ((i + 1) % 4), 8 + ((i + 2) % 4), 12 + ((i + 3) % 4));
                }
            }

            for (int i = 0; i < 16; i++)
            {
                x[i] += s_start.Words[i];
            }
        }
    }

    private static void Quarter(uint* x, int a, int b, int c, int d)
    {
        x[a] += x[b];
        x[d] = Rotate(x[d] ^ x[a], 16);
        x[c] += x[d];
        x[b] = Rotate(x[b] ^ x[c], 12);
        x[a] += x[b];
        x[d] = Rotate(x[d] ^ x[a], 8);
        x[c] += x[d];
        x[b] = Rotate(x[b] ^ x[c], 7);
    }

    private static uint Rotate(uint value, int bits) => (value << bits) | (value >> (32 - bits));
}

/// <summary>A key.</summary>
internal unsafe struct RandomKey
{
    internal fixed uint Words[8];
}

/// <summary>A block of the key stream.</summary>
internal unsafe struct RandomBlock
{
    internal const int Length = 64;

    internal fixed uint Words[Length / sizeof(uint)];
}
