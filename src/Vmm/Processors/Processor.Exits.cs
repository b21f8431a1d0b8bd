using Makatea.Platform;

namespace Makatea.Vmm;

/// <content>What is done for the guest at each kind of exit.</content>
public sealed partial class Processor
{
    private void Answer(ref readonly VmExit exit)
    {
        Exits++;

        // The guest may have written CR8, which has the upper half of TPR alone.
        if (_cpu.TaskPriority != Apic.TaskPriorityClass)
        {
            Apic.TaskPriorityClass = _cpu.TaskPriority;
        }

        switch (exit.Kind)
        {
            case VmExitKind.Port when exit.IsWrite:
                _ports.Write(exit.Address, exit.Width, exit.Value);
                break;
            case VmExitKind.Port:
                _cpu.Complete(_ports.Read(exit.Address, exit.Width));
                break;
            case VmExitKind.Mmio:
                Move(in exit);
                break;
            case VmExitKind.MemoryFault:
                if (_emulator.Emulate(_cpu, in exit) is { } refused)
                {
                    Fail(refused.ToString());
                }

                break;
            case VmExitKind.ReadMsr:
                ReadMsr((uint)exit.Address);
                break;
            case VmExitKind.WriteMsr:
                WriteMsr((uint)exit.Address, exit.Value);
                break;
            case VmExitKind.Halt:
                _state = ProcessorState.Halted;
                break;
            case VmExitKind.Cancelled or VmExitKind.InterruptWindow or VmExitKind.TaskPriorityLowered:
                break;
            case VmExitKind.Shutdown:
                Fail("triple fault", isTripleFault: true);
                break;
            case VmExitKind.UnknownInstruction:
                _cpu.GetRegisters(out CpuRegisters registers);
                Fail($"the host does not know the instruction at 0x{registers.Rip:x}: {Convert.ToHexStringLower(_cpu.Instruction)}");
                break;
            default:
                Fail(exit.ToString());
                break;
        }
    }

    /// <summary>An access of 3, 5, 6 or 7 bytes, which no device has a register for, is made of single bytes.</summary>
    private void Move(ref readonly VmExit exit)
    {
        if (exit.Width is 1 or 2 or 4 or 8)
        {
            if (exit.IsWrite)
            {
                _memory.Write(exit.Address, exit.Width, exit.Value);
            }
            else
            {
                _cpu.Complete(_memory.Read(exit.Address, exit.Width));
            }

            return;
        }

        ulong value = 0;
        for (int i = 0; i < exit.Width; i++)
        {
            if (exit.IsWrite)
            {
                _memory.Write(exit.Address + (uint)i, 1, (byte)(exit.Value >> (8 * i)));
            }
            else
            {
                value |= _memory.Read(exit.Address + (uint)i, 1) << (8 * i);
            }
        }

        if (!exit.IsWrite)
        {
            _cpu.Complete(value);
        }
    }

    private void ReadMsr(uint number)
    {
        if (LocalApic.HasMsr(number) ? Apic.TryReadMsr(number, out ulong value) : _msrs.TryRead(number, out value))
        {
            _cpu.Complete(value);
        }
        else
        {
            _cpu.Refuse();
        }
    }

    private void WriteMsr(uint number, ulong value)
    {
        if (!(LocalApic.HasMsr(number) ? Apic.TryWriteMsr(number, value) : _msrs.TryWrite(number, value)))
        {
            _cpu.Refuse();
        }
        else if (number == LocalApicMsr.Base)
        {
            // CPUID shows whether the APIC is on, and how its registers are reached.
            _cpu.GetSystemRegisters(out CpuSystemRegisters system);
            system.ApicBase = value;
            _cpu.SetSystemRegisters(system);
        }
    }
}
