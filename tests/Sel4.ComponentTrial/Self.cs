namespace Makatea.Sel4;

/// <summary>What a component knows of itself, and what it asks.</summary>
internal static unsafe class Self
{
    private const int LabelShift = 12;

    private static ComponentInfo* s_info;

    internal static ComponentInfo* Info => s_info;

    internal static void Use(ComponentInfo* info)
    {
        s_info = info;
        Board.Use((long*)((byte*)info + info->BoardOffset));
        KernelCall.UseBuffer((ulong*)ComponentLayout.IpcBuffer);
    }

    /// <summary>An argument, ended by a zero; there are as many as the caller asks for.</summary>
    internal static byte* Argument(int index)
    {
        byte* argument = (byte*)s_info + s_info->ArgumentsOffset;
        for (; index > 0; index--)
        {
            while (*argument++ != 0)
            {
                // The next begins behind the zero.
            }
        }

        return argument;
    }

    /// <summary>Its first argument is this.</summary>
    internal static bool Plays(string role)
    {
        byte* argument = Argument(0);
        for (int i = 0; i < role.Length; i++)
        {
            if (argument[i] != role[i])
            {
                return false;
            }
        }

        return argument[role.Length] == 0;
    }

    /// <summary>A grant, or nothing.</summary>
    internal static GrantInfo* Find(GrantKind kind, ulong number)
    {
        var grants = (GrantInfo*)((byte*)s_info + s_info->GrantsOffset);
        for (ulong i = 0; i < s_info->GrantCount; i++)
        {
            if (grants[i].Kind == kind && grants[i].Number == number)
            {
                return grants + i;
            }
        }

        return null;
    }

    /// <summary>Asks the root task.</summary>
    internal static RootAnswer Ask(RootRequest request, ulong word0 = 0, ulong word1 = 0, ulong word2 = 0, ulong word3 = 0) => Ask(request, word0, word1, word2, word3, out _);

    internal static RootAnswer Ask(RootRequest request, ulong word0, ulong word1, ulong word2, ulong word3, out KernelRegisters registers)
    {
        KernelRegisters call = default;
        call.Number = (long)Board.Get(BoardValue.SysCall);
        call.Capability = ComponentLayout.RootSlot;
        call.Info = ((ulong)request << LabelShift) | 4;
        call.Message0 = word0;
        call.Message1 = word1;
        call.Message2 = word2;
        call.Message3 = word3;
        KernelCall.Trap(&call);
        registers = call;
        return (RootAnswer)(call.Info >> LabelShift);
    }

    /// <summary>Rings a doorbell; nothing happens where nobody hears it.</summary>
    internal static void Ring(GrantInfo* ring)
    {
        KernelRegisters call = default;
        call.Number = (long)Board.Get(BoardValue.SysNBSend);
        call.Capability = ring->Slot;
        KernelCall.Trap(&call);
    }

    /// <summary>Waits for bits of a waiter.</summary>
    internal static ulong Wait(ulong waiter) => Wait(waiter, BoardValue.SysWait);

    /// <summary>Bits of a waiter that are there.</summary>
    internal static ulong Poll(ulong waiter) => Wait(waiter, BoardValue.SysNBWait);

    /// <summary>Writes on the kernel's console.</summary>
    internal static void Say(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            KernelCall.DebugPut(text[i]);
        }
    }

    internal static void Say(ulong number)
    {
        if (number >= 10)
        {
            Say(number / 10);
        }

        KernelCall.DebugPut((char)('0' + (number % 10)));
    }

    private static ulong Wait(ulong waiter, BoardValue how)
    {
        KernelRegisters call = default;
        call.Number = (long)Board.Get(how);
        call.Capability = s_info->FirstWaiter + waiter;
        KernelCall.Trap(&call);
        return call.Capability;
    }
}
