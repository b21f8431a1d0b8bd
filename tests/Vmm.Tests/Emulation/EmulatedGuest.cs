using Iced.Intel;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Vmm.Tests;

/// <summary>
/// A guest with 2 MiB of memory, page tables that map the first 4 MiB as it is (the second 2 MiB have no memory: that is where devices are), a page that the guest's program may not
/// touch, one that nobody may write and one that is not present.
/// </summary>
internal sealed class EmulatedGuest : IDisposable
{
    public const ulong MemoryLength = 2 << 20;
    public const ulong Device = 3 << 20;
    public const ulong Code = 0x10_0000;
    public const ulong Data = 0x11_0000;
    public const ulong KernelPage = 0x12_0000;
    public const ulong ReadOnlyPage = 0x12_1000;
    public const ulong AbsentPage = 0x12_2000;

    /// <summary>Mapped to two pages of memory that do not lie together.</summary>
    public const ulong SplitPages = 0x13_0000;

    private const ulong Root = 0x1000;

    private readonly MappedMemory _memory;
    private readonly MemoryEmulator _emulator;

    public EmulatedGuest()
    {
        using Grant grant = new LinuxHost().CreateMemory("guest", MemoryLength);
        _memory = grant.Map(0, MemoryLength, MemoryAccess.ReadWrite);
        Memory = new GuestMemory([new GuestMemoryRegion(0, 0, MemoryLength, _memory, 0)]);
        _emulator = new MemoryEmulator(Memory, Bus);
        MakeTables();
        Enter64(isUser: false);
    }

    public GuestMemory Memory { get; }

    public RecordingBus Bus { get; } = new();

    public ModelCpu Cpu { get; } = new();

    public Span<byte> Bytes(ulong address, int length) => _memory.Slice(address, length).AsSpan();

    /// <summary>64-bit mode.</summary>
    public void Enter64(bool isUser)
    {
        Cpu.System = Cpu.System with
        {
            Cs = CpuSegment.Code64(8) with { Rights = 0xa09bu | (isUser ? 0x60u : 0) },
            Ds = CpuSegment.Data(16),
            Es = CpuSegment.Data(16),
            Ss = CpuSegment.Data(16) with { Rights = 0xc093u | (isUser ? 0x60u : 0) },
            Cr0 = CpuSystemRegisters.ProtectionEnable | CpuSystemRegisters.Paging | (1 << 16),
            Cr3 = Root,
            Cr4 = CpuSystemRegisters.PhysicalAddressExtension,
            Efer = CpuSystemRegisters.LongModeActive | CpuSystemRegisters.LongModeEnable | (1 << 11),
        };
        Cpu.Registers.Rip = Code;
    }

    /// <summary>32-bit mode without paging.</summary>
    public void Enter32() => Cpu.System = CpuSystemRegisters.AfterReset() with
    {
        Cs = CpuSegment.Code32(8),
        Ds = CpuSegment.Data(16),
        Es = CpuSegment.Data(16),
        Ss = CpuSegment.Data(16),
        Cr0 = CpuSystemRegisters.ProtectionEnable,
    };

    /// <summary>Assembles an instruction to where RIP points.</summary>
    public void Assemble(Action<Assembler> instruction)
    {
        var assembler = new Assembler((Cpu.System.Cs.Rights & 0x2000) != 0 ? 64 : 32);
        instruction(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), Cpu.Registers.Rip);
        Write(stream.ToArray());
    }

    /// <summary>Puts an instruction's bytes where RIP points.</summary>
    public void Write(ReadOnlySpan<byte> code) => code.CopyTo(Bytes(Cpu.Registers.Rip, code.Length));

    /// <summary>Emulates the instruction at RIP as if it had touched <see cref="Device"/>.</summary>
    public RefusedInstruction? Emulate() => _emulator.Emulate(Cpu, new VmExit { Kind = VmExitKind.MemoryFault, Address = Device });

    public RefusedInstruction? EmulateFetch() => _emulator.Emulate(Cpu, new VmExit { Kind = VmExitKind.MemoryFault, Address = Device, IsFetch = true });

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    /// <summary>Four levels; the lowest has pages of 4 KiB for the first 2 MiB, and one of 2 MiB behind.</summary>
    private void MakeTables()
    {
        Entry(Root, 0, (Root + 0x1000) | 7);
        Entry(Root + 0x1000, 0, (Root + 0x2000) | 7);
        Entry(Root + 0x2000, 0, (Root + 0x3000) | 7);
        Entry(Root + 0x2000, 1, (2ul << 20) | 0x87);
        for (ulong page = 0; page < 512; page++)
        {
            ulong rights = (page << 12) switch
            {
                KernelPage => 3,
                ReadOnlyPage => 5,
                AbsentPage => 6,
                _ => 7ul,
            };
            Entry(Root + 0x3000, page, (page << 12) | rights);
        }

        Entry(Root + 0x3000, SplitPages >> 12, 0x14_0000 | 7);
        Entry(Root + 0x3000, (SplitPages >> 12) + 1, 0x15_0000 | 7);
    }

    private void Entry(ulong table, ulong index, ulong value) => _memory.Slice(table + (index * 8), 8).WriteUInt64(0, value);
}
