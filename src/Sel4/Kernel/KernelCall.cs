using System.Runtime;
using System.Runtime.CompilerServices;

namespace Makatea.Sel4;

/// <summary>System calls. Messages of more than four words, and capabilities, pass through the IPC buffer of the thread.</summary>
internal static unsafe class KernelCall
{
    private const int LabelShift = 12;
    private const int CapabilitiesShift = 7;
    private const ulong LengthMask = 0x7f;

    // seL4_IPCBuffer: the message from word 1 on, capabilities from word 122 on.
    private const int FirstWord = 1;
    private const int FirstCapability = 122;

    private static ulong* s_buffer;

    /// <summary>Says where the thread's IPC buffer is.</summary>
    internal static void UseBuffer(ulong* buffer) => s_buffer = buffer;

    /// <summary>Sets a word of the next message, from the fifth on.</summary>
    internal static void SetWord(int index, ulong value) => s_buffer[FirstWord + index] = value;

    /// <summary>Sets a capability that goes with the next message.</summary>
    internal static void SetCapability(int index, ulong capability) => s_buffer[FirstCapability + index] = capability;

    /// <summary>Invokes an object.</summary>
    /// <param name="capability">Its capability.</param>
    /// <param name="label">The invocation.</param>
    /// <param name="capabilities">How many capabilities go with it.</param>
    /// <param name="length">Words of the message.</param>
    /// <param name="word0">The first words.</param>
    /// <param name="word1">The second.</param>
    /// <param name="word2">The third.</param>
    /// <param name="word3">The fourth.</param>
    /// <returns>What became of it, and the first word of the answer.</returns>
    internal static KernelResult Invoke(ulong capability, BoardValue label, int capabilities, int length, ulong word0 = 0, ulong word1 = 0, ulong word2 = 0, ulong word3 = 0)
    {
        KernelRegisters registers;
        registers.Number = (long)Board.Get(BoardValue.SysCall);
        registers.Capability = capability;
        registers.Info = (Board.Get(label) << LabelShift) | ((ulong)capabilities << CapabilitiesShift) | (uint)length;
        registers.Message0 = word0;
        registers.Message1 = word1;
        registers.Message2 = word2;
        registers.Message3 = word3;
        registers.Reply = 0;
        Trap(&registers);
        return new KernelResult { Error = (KernelError)(registers.Info >> LabelShift), Value = registers.Message0, Detail = registers.Message2 };
    }

    /// <summary>Waits for a message at an endpoint.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="reply">A reply object, by which the sender is answered.</param>
    internal static KernelMessage Receive(uint endpoint, uint reply)
    {
        KernelRegisters registers = default;
        registers.Number = (long)Board.Get(BoardValue.SysRecv);
        registers.Capability = endpoint;
        registers.Reply = reply;
        Trap(&registers);
        s_buffer[FirstWord] = registers.Message0;
        s_buffer[FirstWord + 1] = registers.Message1;
        s_buffer[FirstWord + 2] = registers.Message2;
        s_buffer[FirstWord + 3] = registers.Message3;
        return new KernelMessage { Badge = registers.Capability, Label = registers.Info >> LabelShift, Length = (int)(registers.Info & LengthMask), Words = s_buffer + FirstWord };
    }

    /// <summary>Sends a message to whoever waits, as an answer by a reply object does.</summary>
    internal static void Send(ulong capability, ulong label, int length, ulong word0 = 0, ulong word1 = 0, ulong word2 = 0, ulong word3 = 0)
    {
        KernelRegisters registers;
        registers.Number = (long)Board.Get(BoardValue.SysSend);
        registers.Capability = capability;
        registers.Info = (label << LabelShift) | (uint)length;
        registers.Message0 = word0;
        registers.Message1 = word1;
        registers.Message2 = word2;
        registers.Message3 = word3;
        registers.Reply = 0;
        Trap(&registers);
    }

    /// <summary>Signals a notification. An endpoint is not meant: who sends there waits.</summary>
    internal static void Signal(ulong notification) => Send(notification, 0, 0);

    /// <summary>Gives up the rest of the thread's budget in this period.</summary>
    internal static void Yield()
    {
        KernelRegisters registers = default;
        registers.Number = (long)Board.Get(BoardValue.SysYield);
        Trap(&registers);
    }

    /// <summary>Puts a character on the kernel's own console, where it has one.</summary>
    internal static void DebugPut(char character)
    {
        ulong number = Board.Get(BoardValue.SysDebugPutChar);
        if (number != 0)
        {
            KernelRegisters registers = default;
            registers.Number = (long)number;
            registers.Capability = character;
            Trap(&registers);
        }
    }

    /// <summary>Makes a system call as its registers say.</summary>
    [RuntimeImport("*", "Sel4Trap")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    internal static extern void Trap(KernelRegisters* registers);
}

/// <summary>What became of an invocation.</summary>
internal struct KernelResult
{
    internal KernelError Error;

    /// <summary>The first word of the answer.</summary>
    internal ulong Value;

    /// <summary>The third word of the answer: of a mapping that failed, the bits of an address below the level that has no table.</summary>
    internal ulong Detail;

    internal readonly bool IsDone => Error == KernelError.None;
}

/// <summary>A message that was received. Its words are good until the next system call but a signal.</summary>
internal unsafe struct KernelMessage
{
    internal ulong Badge;
    internal ulong Label;

    /// <summary>How many words were sent. Those behind are of other messages.</summary>
    internal int Length;
    internal ulong* Words;
}

/// <summary>Why the kernel refused (seL4_Error).</summary>
internal enum KernelError : ulong
{
    None,
    InvalidArgument,
    InvalidCapability,
    IllegalOperation,
    RangeError,
    AlignmentError,
    FailedLookup,
    TruncatedMessage,
    DeleteFirst,
    RevokeFirst,
    NotEnoughMemory,
}
