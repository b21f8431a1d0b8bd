using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Iced.Intel;

namespace Makatea.Platform.Linux.Tests;

/// <summary>A machine with 2 MiB of memory and one processor that runs a few instructions.</summary>
internal sealed class TinyGuest : IDisposable
{
    /// <summary>Bytes of memory, from guest address 0.</summary>
    internal const ulong MemoryLength = 2 << 20;

    /// <summary>Where the code is.</summary>
    internal const ushort CodeAddress = 0x1000;

    /// <summary>Where the stack ends.</summary>
    internal const ushort StackAddress = 0x9000;

    /// <summary>Where nothing is mapped, in reach of 32-bit addresses.</summary>
    internal const ulong NowhereAddress = 0xd000_0000;

    private const int GdtAddress = 0x500;
    private const int IdtAddress = 0x2000;
    private const int TablesAddress = 0x10000;
    private const ushort CodeSelector = 8;
    private const ushort DataSelector = 16;

    private readonly LinuxHost _host = new();
    private readonly Grant _grant;
    private readonly MappedMemory _memory;
    private readonly int _bits;

    private TinyGuest(int bits)
    {
        _bits = bits;
        _grant = _host.CreateMemory("tiny guest", MemoryLength);
        _memory = _grant.Map(0, MemoryLength, MemoryAccess.ReadWrite);
        Machine = KvmBed.Open().CreateMachine();
        Machine.Map(new GuestMemoryRegion(0, 0, MemoryLength, _memory, 0));
        Cpu = Machine.CreateCpu(0);
        Cpu.SetCpuid([.. Machine.Info.Cpuid]);
    }

    internal VirtualMachine Machine { get; }

    internal VirtualCpu Cpu { get; }

    internal MappedMemory Mapping => _memory;

    /// <summary>Real mode: segments at 0.</summary>
    internal static TinyGuest Real(Action<Assembler> code)
    {
        TinyGuest guest = new(16);
        guest.Load(CodeAddress, code);
        guest.Cpu.GetSystemRegisters(out CpuSystemRegisters system);
        system.Cs = CpuSegment.Real(0, isCode: true);
        system.Ds = system.Es = system.Fs = system.Gs = system.Ss = CpuSegment.Real(0, isCode: false);
        guest.Cpu.SetSystemRegisters(system);
        guest.Start();
        return guest;
    }

    /// <summary>Protected mode, 32 bits, flat, no paging.</summary>
    internal static TinyGuest Protected(Action<Assembler> code)
    {
        TinyGuest guest = new(32);
        guest.Load(CodeAddress, code);
        guest.Cpu.GetSystemRegisters(out CpuSystemRegisters system);
        guest.SetTables(ref system, CpuSegment.Code32(CodeSelector), 0x00cf9b000000ffff);
        system.Cr0 |= CpuSystemRegisters.ProtectionEnable;
        guest.Cpu.SetSystemRegisters(system);
        guest.Start();
        return guest;
    }

    /// <summary>Long mode, 64 bits, the lowest 4 GiB mapped to themselves.</summary>
    internal static TinyGuest Long(Action<Assembler> code)
    {
        TinyGuest guest = new(64);
        guest.Load(CodeAddress, code);
        guest.Cpu.GetSystemRegisters(out CpuSystemRegisters system);
        guest.SetTables(ref system, CpuSegment.Code64(CodeSelector), 0x00af9b000000ffff);
        guest.Write<ulong>(TablesAddress, TablesAddress + 0x1003ul);
        for (int i = 0; i < 4; i++)
        {
            guest.Write<ulong>(TablesAddress + 0x1000 + (i * 8), TablesAddress + 0x2003ul + ((ulong)i << 12));
        }

        // Present, writable, accessed, dirty, large.
        for (int i = 0; i < 4 * 512; i++)
        {
            guest.Write<ulong>(TablesAddress + 0x2000 + (i * 8), ((ulong)i << 21) | 0xe3);
        }

        system.Cr3 = TablesAddress;
        system.Cr4 |= CpuSystemRegisters.PhysicalAddressExtension | (1 << 9);
        system.Cr0 |= CpuSystemRegisters.ProtectionEnable | CpuSystemRegisters.Paging;
        system.Efer = CpuSystemRegisters.LongModeEnable | CpuSystemRegisters.LongModeActive;
        guest.Cpu.SetSystemRegisters(system);
        guest.Start();
        return guest;
    }

    /// <summary>Reads the guest's memory.</summary>
    internal T Read<T>(int address)
        where T : unmanaged => MemoryMarshal.Read<T>(_memory.Slice((ulong)address, Unsafe.SizeOf<T>()).AsSpan());

    /// <summary>Writes the guest's memory.</summary>
    internal void Write<T>(int address, T value)
        where T : unmanaged => MemoryMarshal.Write(_memory.Slice((ulong)address, Unsafe.SizeOf<T>()).AsSpan(), value);

    /// <summary>Puts code at an address.</summary>
    internal void Load(ulong address, Action<Assembler> code)
    {
        Assembler assembler = new(_bits);
        code(assembler);
        using MemoryStream stream = new();
        assembler.Assemble(new StreamCodeWriter(stream), address);
        stream.ToArray().CopyTo(_memory.Slice(address, (int)stream.Length).AsSpan());
    }

    /// <summary>Has a vector handled by code at 0x100 bytes a vector from 0x3000 on.</summary>
    internal void Handle(byte vector, Action<Assembler> code)
    {
        ulong address = 0x3000 + ((ulong)vector * 0x40);
        Load(address, code);
        switch (_bits)
        {
            case 16:
                Write<uint>(vector * 4, (uint)address);
                break;
            case 32:
                Write<ulong>(IdtAddress + (vector * 8), (address & 0xffff) | (CodeSelector << 16) | (0x8eul << 40));
                break;
            default:
                Write<ulong>(IdtAddress + (vector * 16), (address & 0xffff) | (CodeSelector << 16) | (0x8eul << 40));
                Write<ulong>(IdtAddress + (vector * 16) + 8, 0);
                break;
        }
    }

    /// <summary>Runs to the next exit, which must be of a kind. An emulated processor may not get that far: then the test is skipped, with what it did.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="lack">What emulated ones are known not to do, which would bring another exit.</param>
    internal VmExit RunTo(VmExitKind kind, string? lack = null)
    {
        VmExit exit = Cpu.Run();
        SkipIfEmulated(exit.Kind != kind && lack is not null, $"{lack}: there was {exit}");
        if (exit.Kind != kind && exit.Kind is VmExitKind.HostFailure or VmExitKind.UnknownInstruction or VmExitKind.EntryFailure)
        {
            Cpu.GetRegisters(out CpuRegisters registers);
            SkipIfEmulated(true, $"gave up with {exit} at 0x{registers.Rip:x} ({Convert.ToHexString(Cpu.Instruction)})");
        }

        Assert.Equal(kind, exit.Kind);
        return exit;
    }

    /// <summary>Skips a test of what emulated processors are known not to do.</summary>
    internal void SkipIfEmulated(bool condition, string what) =>
        Skip.If(condition && Machine.Info.IsEmulated, $"this /dev/kvm is emulated and {what}; run this where the processor has VT-x or SVM");

    /// <summary>Runs to an access to a port, which must be that one.</summary>
    internal VmExit RunToPort(ulong port, string? lack = null)
    {
        VmExit exit = RunTo(VmExitKind.Port, lack);
        SkipIfEmulated(exit.Address != port && lack is not null, $"{lack}: there was {exit}");
        Assert.Equal(port, exit.Address);
        return exit;
    }

    public void Dispose()
    {
        Cpu.Dispose();
        Machine.Dispose();
        _memory.Dispose();
        _grant.Dispose();
    }

    private void SetTables(ref CpuSystemRegisters system, CpuSegment code, ulong codeDescriptor)
    {
        Write<ulong>(GdtAddress + CodeSelector, codeDescriptor);
        Write<ulong>(GdtAddress + DataSelector, 0x00cf93000000ffff);
        system.Gdt = new(GdtAddress, 23);
        system.Idt = new(IdtAddress, 0xfff);
        system.Cs = code;
        system.Ds = system.Es = system.Fs = system.Gs = system.Ss = CpuSegment.Data(DataSelector);
    }

    private void Start()
    {
        CpuRegisters registers = CpuRegisters.AfterReset() with { Rip = CodeAddress, Rsp = StackAddress };
        Cpu.SetRegisters(registers);
    }
}
