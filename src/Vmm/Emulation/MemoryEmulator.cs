using Iced.Intel;
using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>
/// Does in a guest's stead what the processor could not: a load or store at an address where no memory is mapped. Data movement alone; anything else is refused, which stops the guest.
/// One for each virtual processor, for its thread.
/// </summary>
/// <remarks>
/// The guest may change the instruction, its operands' translations and its memory meanwhile, on its other processors. So nothing is believed of the exit: what is done is what the bytes
/// that are there now say, with the rights that the processor has now, one element of a string at a time.
/// </remarks>
/// <param name="memory">The guest's memory.</param>
/// <param name="bus">Who answers where it has none.</param>
internal sealed class MemoryEmulator(GuestMemory memory, RegisterBus bus)
{
    private const byte DebugException = 1;
    private const byte StackFault = 12;
    private const byte GeneralProtection = 13;
    private const byte PageFault = 14;
    private const ulong TrapFlag = 1 << 8;
    private const ulong DirectionFlag = 1 << 10;
    private const ulong ResumeFlag = 1 << 16;
    private const uint ExpandDown = 1 << 2;
    private const uint CodeSegment = 1 << 3;

    private readonly OperandRegisters _registers = new();
    private readonly GuestInstructionReader _reader = new();
    private readonly Decoder?[] _decoders = new Decoder?[3];

    /// <summary>Does the instruction at RIP, or gives the guest the fault that it brings.</summary>
    /// <param name="cpu">The processor, at an exit of kind <see cref="VmExitKind.MemoryFault"/>.</param>
    /// <param name="exit">That exit.</param>
    /// <returns>Null where the guest goes on, else why it cannot.</returns>
    public RefusedInstruction? Emulate(VirtualCpu cpu, in VmExit exit)
    {
        cpu.GetRegisters(out _registers.General);
        cpu.GetSystemRegisters(out _registers.System);
        _reader.Fetch(memory, _registers);
        Decode(out Instruction instruction);
        if (exit.IsFetch)
        {
            return Refuse("fetches code where there is no memory", exit, instruction);
        }

        if (instruction.IsInvalid)
        {
            return Refuse("cannot be decoded", exit, instruction);
        }

        if (!DataMovement.TryRecognise(instruction, out DataMovement movement))
        {
            return Refuse("does more than move data", exit, instruction);
        }

        Register counter = CounterOf(instruction);
        bool isRepeated = movement.IsString && (instruction.HasRepPrefix || instruction.HasRepnePrefix);
        ulong left = isRepeated ? _registers.Read(counter) : 1;
        if (left != 0)
        {
            Outcome outcome = Move(cpu, instruction, movement);
            if (outcome != Outcome.Done)
            {
                return outcome == Outcome.Faulted ? null : Refuse("reaches beyond a segment, a page table or a device's register", exit, instruction);
            }

            if (movement.IsString)
            {
                Step(movement, counter);
            }

            left--;
        }

        if (isRepeated)
        {
            _registers.Write(counter, left);
            if (left != 0)
            {
                // The guest comes back for the next one; an interrupt may go in between.
                cpu.SetRegisters(_registers.General);
                return null;
            }
        }

        ulong next = _registers.General.Rip + (uint)instruction.Length;
        bool isStepped = (_registers.General.Rflags & TrapFlag) != 0;
        _registers.General.Rip = _registers.Is64Bit ? next : (uint)next;
        _registers.General.Rflags &= ~ResumeFlag;
        cpu.SetRegisters(_registers.General);
        if (isStepped)
        {
            cpu.InjectException(DebugException, null);
        }

        return null;
    }

    private void Decode(out Instruction instruction)
    {
        int bitness = _registers.Bitness;
        Decoder decoder = _decoders[bitness >> 5] ??= Decoder.Create(bitness, _reader);
        decoder.IP = _registers.General.Rip;
        decoder.Decode(out instruction);
    }

    /// <summary>Moves one element.</summary>
    private Outcome Move(VirtualCpu cpu, scoped in Instruction instruction, in DataMovement movement)
    {
        LinearMemory target = default;
        if (movement.Stores && Find(cpu, instruction, 0, movement.Width, true, out target) is var stored && stored != Outcome.Done)
        {
            return stored;
        }

        ulong value;
        if (movement.Loads)
        {
            Outcome loaded = Find(cpu, instruction, 1, movement.Width, false, out LinearMemory source);
            if (loaded != Outcome.Done)
            {
                return loaded;
            }

            value = movement.Extend(source.Load());
        }
        else
        {
            value = instruction.Op1Kind == OpKind.Register ? _registers.Read(instruction.Op1Register) : instruction.GetImmediate(1);
            value = movement.IsSwapped ? movement.Extend(value) : value;
        }

        if (movement.Stores)
        {
            target.Store(value);
        }
        else
        {
            _registers.Write(instruction.Op0Register, value);
        }

        return Outcome.Done;
    }

    private Outcome Find(VirtualCpu cpu, scoped in Instruction instruction, int operand, int width, bool isWrite, out LinearMemory place)
    {
        place = default;
        Register segment = SegmentOf(instruction, operand);
        if (!instruction.TryGetVirtualAddress(operand, 0, _registers, out ulong linear))
        {
            return Outcome.Refused;
        }

        if (!_registers.Is64Bit)
        {
            linear = (uint)linear;
            if (!IsWithin(_registers.Segment(segment), (uint)(linear - _registers.Base(segment)), width, isWrite))
            {
                return Outcome.Refused;
            }
        }

        switch (LinearMemory.Find(memory, bus, _registers, linear, width, isWrite, out place, out (ulong Address, uint ErrorCode) fault))
        {
            case PageWalkResult.Done:
                return Outcome.Done;
            case PageWalkResult.Fault:
                _registers.System.Cr2 = fault.Address;
                cpu.SetSystemRegisters(_registers.System);
                cpu.InjectException(PageFault, fault.ErrorCode);
                return Outcome.Faulted;
            case PageWalkResult.NotCanonical:
                cpu.InjectException(segment == Register.SS ? StackFault : GeneralProtection, 0);
                return Outcome.Faulted;
            default:
                return Outcome.Refused;
        }
    }

    /// <summary>Segment limits and types outside of 64-bit mode ([SDM] 3A 5.3). Segments that grow down are refused with the rest.</summary>
    private bool IsWithin(in CpuSegment segment, uint offset, int width, bool isWrite)
    {
        bool isProtected = (_registers.System.Cr0 & CpuSystemRegisters.ProtectionEnable) != 0;
        bool isCode = (segment.Rights & CodeSegment) != 0;
        bool hasType = !isProtected || (isCode ? !isWrite && (segment.Rights & 2) != 0 : (segment.Rights & ExpandDown) == 0 && (!isWrite || (segment.Rights & 2) != 0));
        return hasType && (segment.Rights & CpuSegment.Unusable) == 0 && (ulong)offset + (uint)width <= (ulong)segment.Limit + 1;
    }

    /// <summary>String instructions move their pointers, whose width is that of addresses.</summary>
    private void Step(in DataMovement movement, Register counter)
    {
        ulong step = (_registers.General.Rflags & DirectionFlag) == 0 ? (ulong)movement.Width : 0 - (ulong)movement.Width;
        if (movement.Stores)
        {
            Register target = Sized(Register.DI, counter);
            _registers.Write(target, _registers.Read(target) + step);
        }

        if (movement.Loads)
        {
            Register source = Sized(Register.SI, counter);
            _registers.Write(source, _registers.Read(source) + step);
        }
    }

    /// <summary>CX, ECX or RCX, by the width of the instruction's addresses.</summary>
    private static Register CounterOf(in Instruction instruction)
    {
        OpKind kind = instruction.Op0Kind is OpKind.Register ? instruction.Op1Kind : instruction.Op0Kind;
        return kind switch
        {
            OpKind.MemorySegRSI or OpKind.MemoryESRDI => Register.RCX,
            OpKind.MemorySegESI or OpKind.MemoryESEDI => Register.ECX,
            _ => Register.CX,
        };
    }

    private static Register Sized(Register pointer, Register counter) => counter switch
    {
        Register.RCX => pointer == Register.DI ? Register.RDI : Register.RSI,
        Register.ECX => pointer == Register.DI ? Register.EDI : Register.ESI,
        _ => pointer,
    };

    private static Register SegmentOf(in Instruction instruction, int operand) =>
        instruction.GetOpKind(operand) is OpKind.MemoryESDI or OpKind.MemoryESEDI or OpKind.MemoryESRDI ? Register.ES : instruction.MemorySegment;

    private RefusedInstruction Refuse(string reason, in VmExit exit, in Instruction instruction) => new(
        reason,
        _registers.General.Rip,
        exit.Address,
        Convert.ToHexStringLower(_reader.Bytes[..(instruction.IsInvalid ? _reader.Bytes.Length : instruction.Length)]),
        instruction.IsInvalid ? "(bad)" : instruction.ToString());

    private enum Outcome
    {
        Done,
        Faulted,
        Refused,
    }
}
