namespace Makatea.Sel4.LinuxAbi;

/// <summary>The stack that a program of Linux starts with: the number of its arguments, them, its environment, and what the kernel tells it of itself (the auxiliary vector).</summary>
internal static unsafe class InitialStack
{
    private const int Vector = 17;

    /// <summary>The first address after it.</summary>
    internal static ulong End { get; private set; }

    /// <summary>Makes it.</summary>
    /// <returns>The stack pointer, or 0 where there is no memory.</returns>
    internal static ulong Make(ComponentInfo* info)
    {
        const ulong RandomLength = 16;
        long address = AddressSpace.Map(0, Facts.StackLength, PageRights.Read | PageRights.Write, RegionKind.Stack, replaces: false);
        if (address < 0)
        {
            return 0;
        }

        End = (ulong)address + Facts.StackLength;
        ulong texts = info->ArgumentsLength + info->EnvironmentLength;
        ulong place = (End - texts - RandomLength) & ~15ul;
        ulong arguments = Count((byte*)info + info->ArgumentsOffset, info->ArgumentsLength);
        ulong variables = Count((byte*)info + info->EnvironmentOffset, info->EnvironmentLength);
        ulong words = 1 + arguments + 1 + variables + 1 + (2 * Vector);
        ulong top = (place - (words * sizeof(ulong))) & ~15ul;
        if (texts > Facts.StackLength / 2 || !UserMemory.CanWrite(top, End - top))
        {
            return 0;
        }

        RandomNumbers.Fill((byte*)place, RandomLength);
        byte* text = (byte*)place + RandomLength;
        ulong* word = (ulong*)top;
        *word++ = arguments;
        word = Put(word, ref text, (byte*)info + info->ArgumentsOffset, info->ArgumentsLength);
        word = Put(word, ref text, (byte*)info + info->EnvironmentOffset, info->EnvironmentLength);
        PutVector(word, info, place);
        return top;
    }

    private static void PutVector(ulong* word, ComponentInfo* info, ulong random)
    {
        // Numbers of the AT values; users and groups are 0, as in a container of its own.
        word = Put(word, 33, LayerCode.Vdso);
        word = Put(word, 3, info->HeadersAddress);
        word = Put(word, 4, (ulong)sizeof(ProgramHeader));
        word = Put(word, 5, info->HeadersAddress == 0 ? 0 : info->Headers);
        word = Put(word, 6, RegionTable.PageSize);
        word = Put(word, 7, 0); // no interpreter
        word = Put(word, 8, 0);
        word = Put(word, 9, info->Entry);
        word = Put(word, 11, 0);
        word = Put(word, 12, 0);
        word = Put(word, 13, 0);
        word = Put(word, 14, 0);
        word = Put(word, 16, 0); // what the processor can: programs ask it
        word = Put(word, 17, 100); // ticks of clock() in a second
        word = Put(word, 23, 0); // not of another user
        word = Put(word, 25, random);
        Put(word, 0, 0);
    }

    private static ulong* Put(ulong* word, ulong name, ulong value)
    {
        word[0] = name;
        word[1] = value;
        return word + 2;
    }

    /// <summary>Copies texts, and writes their addresses and a zero.</summary>
    private static ulong* Put(ulong* word, ref byte* text, byte* source, ulong length)
    {
        bool isStart = true;
        for (ulong i = 0; i < length; i++)
        {
            if (isStart)
            {
                *word++ = (ulong)text;
            }

            isStart = source[i] == 0;
            *text++ = source[i];
        }

        *word++ = 0;
        return word;
    }

    private static ulong Count(byte* texts, ulong length)
    {
        ulong count = 0;
        for (ulong i = 0; i < length; i++)
        {
            count += texts[i] == 0 ? 1u : 0;
        }

        return count;
    }
}
