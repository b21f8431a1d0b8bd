using static Iced.Intel.AssemblerRegisters;

namespace Makatea.Platform.Linux.Tests;

/// <summary>MSRs: what is listed is the guest's, all else exits, and may be refused.</summary>
public sealed class MsrTests
{
    private const uint ApicBase = 0x1b;
    private const uint X2ApicId = 0x802;
    private const uint Star = 0xc0000081;
    private const uint LongStar = 0xc0000082;

    [SkippableTheory]
    [InlineData(ApicBase)]
    [InlineData(Star)]
    [InlineData(X2ApicId)]
    [InlineData(0x6e0u)]
    [InlineData(0x12345678u)]
    public void An_MSR_that_is_not_listed_exits(uint number)
    {
        using TinyGuest guest = Accessing(number);
        VmExit exit = guest.RunTo(VmExitKind.WriteMsr);
        Assert.Equal((number, 0x1122334455667788ul, true), ((uint)exit.Address, exit.Value, exit.IsWrite));
        exit = guest.RunTo(VmExitKind.ReadMsr);
        Assert.Equal((number, false), ((uint)exit.Address, exit.IsWrite));
        guest.Cpu.Complete(0xa1a2a3a4_b1b2b3b4);
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal((0xb1b2b3b4ul, 0xa1a2a3a4ul), (registers.Rax, registers.Rdx));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Refusing_is_a_general_protection_fault(bool isWrite)
    {
        using TinyGuest guest = Accessing(ApicBase);
        guest.Handle(13, a =>
        {
            a.pop(rbx);
            a.hlt();
        });
        guest.RunTo(VmExitKind.WriteMsr);
        if (isWrite)
        {
            guest.Cpu.Refuse();
        }
        else
        {
            // Nobody answers.
            guest.RunTo(VmExitKind.ReadMsr);
        }

        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal((0ul, 13ul), (registers.Rbx, (registers.Rip - 0x3000) / 0x40));
        Assert.Throws<InvalidOperationException>(guest.Cpu.Refuse);
        Assert.Throws<InvalidOperationException>(() => guest.Cpu.Complete(0));
    }

    [SkippableFact]
    public void An_MSR_that_is_listed_does_not_exit()
    {
        using TinyGuest guest = Accessing(Star);
        guest.Machine.AllowMsrs([new(Star, 4, MemoryAccess.ReadWrite)]);
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal((0x55667788ul, 0x11223344ul), (registers.Rax, registers.Rdx));
        Assert.True(guest.Cpu.TryReadMsr(Star, out ulong value));
        Assert.Equal(0x1122334455667788ul, value);
    }

    [SkippableFact]
    public void Reading_and_writing_are_allowed_apart()
    {
        using TinyGuest guest = Accessing(LongStar);
        guest.Machine.AllowMsrs([new(LongStar, 1, MemoryAccess.Read)]);
        Assert.True(guest.Cpu.TryWriteMsr(LongStar, 0x5));
        guest.RunTo(VmExitKind.WriteMsr);
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal(5ul, registers.Rax);
    }

    /// <summary>A value that the processor does not take is between it and the guest.</summary>
    [SkippableFact]
    public void A_wrong_value_for_a_listed_MSR_faults_without_an_exit()
    {
        using TinyGuest guest = Accessing(0xc0000080);
        guest.Machine.AllowMsrs([new(0xc0000080, 1, MemoryAccess.ReadWrite)]);
        guest.Handle(13, a => a.hlt());
        guest.RunTo(VmExitKind.Halt);
        guest.Cpu.GetRegisters(out CpuRegisters registers);
        Assert.Equal(13ul, (registers.Rip - 0x3000) / 0x40);
    }

    [SkippableFact]
    public void The_host_says_which_MSRs_there_are()
    {
        VirtualMachineInfo info = KvmBed.Open().Info;
        Assert.Contains(0x10u, info.StateMsrs);
        Assert.Contains(LongStar, info.StateMsrs);
        Assert.NotEmpty(info.FeatureMsrs);
        using TinyGuest guest = TinyGuest.Real(a => a.hlt());
        Assert.False(guest.Cpu.TryReadMsr(0x12345678, out _));
        Assert.False(guest.Cpu.TryWriteMsr(0x12345678, 1));
    }

    [Fact]
    public void A_filter_has_a_bit_for_each_that_is_allowed()
    {
        KvmMsrFilter filter = new();
        filter.Add(new(0x10, 1, MemoryAccess.Read));
        filter.Add(new(KvmMsrFilter.WindowLength - 1, 2, MemoryAccess.ReadWrite));
        filter.Add(new(uint.MaxValue, 1, MemoryAccess.Write));
        (uint First, uint Flags, byte[] Bitmap)[] ranges = [.. filter.Ranges()];
        Assert.Equal(6, ranges.Length);
        Assert.Equal((0u, Libc.KVM_MSR_FILTER_READ), (ranges[0].First, ranges[0].Flags));
        Assert.Equal((1, 0x80, 0), (ranges[0].Bitmap[2], ranges[0].Bitmap[^1], ranges[0].Bitmap[0]));
        Assert.Equal((0u, Libc.KVM_MSR_FILTER_WRITE), (ranges[1].First, ranges[1].Flags));
        Assert.Equal((0, 0x80), (ranges[1].Bitmap[2], ranges[1].Bitmap[^1]));
        Assert.Equal((KvmMsrFilter.WindowLength, 1), (ranges[2].First, ranges[2].Bitmap[0]));
        Assert.Equal(1, ranges[5].Bitmap.Sum(b => System.Numerics.BitOperations.PopCount(b)));
    }

    [Fact]
    public void A_filter_refuses_what_is_no_range_and_what_is_spread_too_far()
    {
        KvmMsrFilter filter = new();
        Assert.Throws<ArgumentException>(() => filter.Add(new(0, 0, MemoryAccess.Read)));
        Assert.Throws<ArgumentException>(() => filter.Add(new(2, uint.MaxValue, MemoryAccess.Read)));
        Assert.Throws<ArgumentException>(() => filter.Add(new(2, 1, (MemoryAccess)4)));
        for (uint i = 0; i < 8; i++)
        {
            filter.Add(new(i * 0x10000000, 1, MemoryAccess.Read));
        }

        Assert.Contains("8 blocks", Assert.Throws<ArgumentException>(() => filter.Add(new(0x90000000, 1, MemoryAccess.Read))).Message);
        Assert.Equal(Libc.KVM_MSR_FILTER_MAX_RANGES, filter.Ranges().Count());
    }

    private static TinyGuest Accessing(uint number) => TinyGuest.Long(a =>
    {
        a.mov(ecx, number);
        a.mov(eax, 0x55667788);
        a.mov(edx, 0x11223344);
        a.wrmsr();
        a.xor(eax, eax);
        a.xor(edx, edx);
        a.rdmsr();
        a.hlt();
    });
}
