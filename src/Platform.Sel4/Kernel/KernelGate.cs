using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>
/// All that a component asks of the kernel and, through it, of the root task; and of the Linux ABI layer. Messages pass in registers, as the program's threads have no IPC buffer.
/// Nothing here traps into the layer but <see cref="Layer"/>.
/// </summary>
/// <remarks>Below are two plain function pointers and no interface, so that ringing a doorbell costs no virtual call; tests put a model of the kernel there.</remarks>
internal sealed unsafe class KernelGate(KernelEntries entries, ComponentTable table)
{
    private const int LabelShift = 12;

    // munmap of Linux.
    private const long LinuxUnmap = 11;

    private readonly long _call = table.BoardValue(BoardValue.SysCall);
    private readonly long _send = table.BoardValue(BoardValue.SysNBSend);
    private readonly long _wait = table.BoardValue(BoardValue.SysWait);
    private readonly long _poll = table.BoardValue(BoardValue.SysNBWait);
    private readonly ulong _acknowledge = (ulong)table.BoardValue(BoardValue.IRQAckIRQ);

    /// <summary>The kernel's side of a guest.</summary>
    internal GuestGate OpenGuest(GrantEntry guest) => new(entries, table, guest);

    /// <summary>Signals a notification. An empty slot, or one whose notification is gone, is no error.</summary>
    internal void Signal(ulong slot)
    {
        KernelRegisters registers = new() { Number = _send, Capability = slot };
        entries.Quick(entries.Context, &registers);
    }

    /// <summary>Waits for signals of a notification, and takes them.</summary>
    /// <returns>Their badges, or-ed.</returns>
    internal ulong Wait(ulong slot)
    {
        KernelRegisters registers = new() { Number = _wait, Capability = slot };
        entries.Blocking(entries.Context, &registers);
        return registers.Capability;
    }

    /// <summary>Takes signals of a notification; 0 where there are none.</summary>
    internal ulong Poll(ulong slot)
    {
        KernelRegisters registers = new() { Number = _poll, Capability = slot };
        entries.Quick(entries.Context, &registers);
        return registers.Capability;
    }

    /// <summary>Lets a pin's interrupt come again.</summary>
    internal void Acknowledge(ulong handler)
    {
        KernelRegisters registers = new() { Number = _call, Capability = handler, Info = _acknowledge << LabelShift };
        entries.Quick(entries.Context, &registers);
    }

    /// <summary>Asks the root task, and waits for its answer.</summary>
    internal RootReply Ask(RootRequest request, ulong word0 = 0, ulong word1 = 0, ulong word2 = 0, ulong word3 = 0) =>
        Call(ComponentLayout.RootSlot, (ulong)request, 4, word0, word1, word2, word3);

    /// <summary>Reads a port.</summary>
    /// <param name="slot">Slot of the ports' capability.</param>
    /// <param name="label">The invocation for the width.</param>
    /// <param name="port">The port.</param>
    /// <param name="value">What was read.</param>
    /// <returns>False where the kernel refused.</returns>
    internal bool TryRead(ulong slot, BoardValue label, ulong port, out ulong value)
    {
        RootReply reply = Call(slot, (ulong)table.BoardValue(label), 1, port, 0, 0, 0);
        value = reply.Word0;
        return reply.Answer == 0;
    }

    /// <summary>Writes a port. A refusal of the kernel has no effect.</summary>
    internal void Write(ulong slot, BoardValue label, ulong port, ulong value) => Call(slot, (ulong)table.BoardValue(label), 2, port, value, 0, 0);

    /// <summary>Asks the layer.</summary>
    /// <returns>The result; a negative errno value where it failed.</returns>
    internal long Layer(LayerRequest request, ulong argument0 = 0, ulong argument1 = 0, ulong argument2 = 0, ulong argument3 = 0, ulong argument4 = 0) =>
        entries.Layer(entries.Context, (long)request, argument0, argument1, argument2, argument3, argument4);

    /// <summary>Gives memory back to the layer.</summary>
    internal void Unmap(nint address, ulong length) => entries.Layer(entries.Context, LinuxUnmap, (ulong)address, length, 0, 0, 0);

    private RootReply Call(ulong slot, ulong label, uint length, ulong word0, ulong word1, ulong word2, ulong word3)
    {
        KernelRegisters registers = new()
        {
            Number = _call,
            Capability = slot,
            Info = (label << LabelShift) | length,
            Message0 = word0,
            Message1 = word1,
            Message2 = word2,
            Message3 = word3,
        };
        entries.Blocking(entries.Context, &registers);
        return new RootReply((RootAnswer)(registers.Info >> LabelShift), registers.Message0, registers.Message1, registers.Message2, registers.Message3);
    }
}

/// <summary>What the root task answered.</summary>
internal readonly record struct RootReply(RootAnswer Answer, ulong Word0, ulong Word1, ulong Word2, ulong Word3)
{
    /// <summary>It did what was asked.</summary>
    internal bool IsDone => Answer == RootAnswer.Done;
}
