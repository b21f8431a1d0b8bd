using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>The kernel's side of a guest: its virtual processor, and the thread that enters it.</summary>
/// <remarks>Fields of the VMCS may be read and written by any thread; entering and the general registers are that of the thread which was bound, whose IPC buffer they pass through.</remarks>
internal sealed unsafe class GuestGate(KernelEntries entries, ComponentTable table, GrantEntry guest)
{
    private const int LabelShift = 12;
    private const int Registers = 15;
    private const int InRegisters = 4;

    // seL4_IPCBuffer: the message is from word 1 on; the kernel's message of an exit ends with the general registers.
    private const int FirstWord = 1;
    private const int FirstRegister = 10;

    private readonly long _call = table.BoardValue(BoardValue.SysCall);
    private readonly long _enter = table.BoardValue(BoardValue.SysVMEnter);
    private readonly long _send = table.BoardValue(BoardValue.SysNBSend);
    private readonly ulong _cpu = guest.Slot;
    private readonly ulong _events = guest.Slot + 3;
    private readonly ulong* _message = (ulong*)guest.Address + FirstWord;

    /// <summary>Has this thread enter the guest.</summary>
    /// <exception cref="IOException">Another does.</exception>
    internal void Bind()
    {
        long result = entries.Layer(entries.Context, (long)LayerRequest.BindGuest, guest.Number, 0, 0, 0, 0);
        if (result != 0)
        {
            throw new IOException($"guest '{guest.Name}' cannot be entered by this thread (error {-result}): one thread enters it as long as it is there");
        }
    }

    /// <summary>Enters the guest.</summary>
    /// <param name="exit">In: where it goes on, with which controls and which event. Out: the same as they are now, and of an exit its reason.</param>
    /// <returns>False where the thread was brought back by <see cref="Signal"/>.</returns>
    internal bool Enter(ref GuestEntry exit)
    {
        KernelRegisters registers = new() { Number = _enter, Message0 = exit.Rip, Message1 = exit.Controls, Message2 = exit.Injection };
        entries.Blocking(entries.Context, &registers);
        exit.Rip = registers.Message0;
        exit.Injection = registers.Message2;
        exit.Reason = registers.Message3;
        return registers.Info != 0;
    }

    /// <summary>Brings the thread back that is in the guest, or is to enter it. From any thread.</summary>
    internal void Signal()
    {
        KernelRegisters registers = new() { Number = _send, Capability = _events };
        entries.Quick(entries.Context, &registers);
    }

    /// <summary>A word of the kernel's message of the last exit.</summary>
    internal ulong this[GuestWord word] => _message[(int)word];

    /// <summary>The general registers of the last exit but RSP.</summary>
    internal void GetRegisters(ref CpuRegisters registers)
    {
        ulong* words = _message + FirstRegister;
        registers.Rax = words[0];
        registers.Rbx = words[1];
        registers.Rcx = words[2];
        registers.Rdx = words[3];
        registers.Rsi = words[4];
        registers.Rdi = words[5];
        registers.Rbp = words[6];
        registers.R8 = words[7];
        registers.R9 = words[8];
        registers.R10 = words[9];
        registers.R11 = words[10];
        registers.R12 = words[11];
        registers.R13 = words[12];
        registers.R14 = words[13];
        registers.R15 = words[14];
    }

    /// <summary>Sets the general registers but RSP.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal void SetRegisters(in CpuRegisters from)
    {
        ReadOnlySpan<ulong> rest = [from.Rsi, from.Rdi, from.Rbp, from.R8, from.R9, from.R10, from.R11, from.R12, from.R13, from.R14, from.R15];
        rest.CopyTo(new Span<ulong>(_message + InRegisters, Registers - InRegisters));
        Require(Call(BoardValue.X86VCPUWriteRegisters, Registers, from.Rax, from.Rbx, from.Rcx, from.Rdx, out _), "set registers");
    }

    /// <summary>Reads a field of the VMCS.</summary>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal ulong Read(VmcsField field)
    {
        Require(Call(BoardValue.X86VCPUReadVMCS, 1, (ulong)field, 0, 0, 0, out ulong value), $"read {field}");
        return value;
    }

    /// <summary>Writes one.</summary>
    /// <returns>What the kernel made of it.</returns>
    /// <exception cref="IOException">The kernel refuses.</exception>
    internal ulong Write(VmcsField field, ulong value)
    {
        Require(Call(BoardValue.X86VCPUWriteVMCS, 2, (ulong)field, value, 0, 0, out ulong written), $"write {field}");
        return written;
    }

    /// <summary>Reads one of the MSRs that the kernel switches: STAR, LSTAR, CSTAR, FMASK.</summary>
    internal ulong ReadMsr(uint number)
    {
        Require(Call(BoardValue.X86VCPUReadMSR, 1, number, 0, 0, 0, out ulong value), $"read MSR 0x{number:x}");
        return value;
    }

    /// <summary>Writes one of them.</summary>
    internal void WriteMsr(uint number, ulong value) => Require(Call(BoardValue.X86VCPUWriteMSR, 2, number, value, 0, 0, out _), $"write MSR 0x{number:x}");

    private ulong Call(BoardValue label, uint length, ulong word0, ulong word1, ulong word2, ulong word3, out ulong value)
    {
        KernelRegisters registers = new()
        {
            Number = _call,
            Capability = _cpu,
            Info = ((ulong)table.BoardValue(label) << LabelShift) | length,
            Message0 = word0,
            Message1 = word1,
            Message2 = word2,
            Message3 = word3,
        };
        entries.Quick(entries.Context, &registers);
        value = registers.Message0;
        return registers.Info >> LabelShift;
    }

    private void Require(ulong error, string what)
    {
        if (error != 0)
        {
            throw new IOException($"the kernel refuses to {what} of guest '{guest.Name}' (error {error})");
        }
    }
}

/// <summary>How a guest is entered, and how it came out.</summary>
internal struct GuestEntry
{
    /// <summary>Its instruction pointer.</summary>
    internal ulong Rip;

    /// <summary>Primary processor-based controls.</summary>
    internal ulong Controls;

    /// <summary>What it takes first.</summary>
    internal ulong Injection;

    /// <summary>Why it came out.</summary>
    internal ulong Reason;
}

/// <summary>Words of the kernel's message of an exit that do not come in registers (SEL4_VMENTER_FAULT_*).</summary>
internal enum GuestWord
{
    Qualification = 4,
    InstructionLength,
    GuestPhysical,
    Rflags,
    Interruptibility,
    Cr3,
}
