using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux.Tests;

/// <summary>KVM's structures and requests on x86-64, as <c>linux/kvm.h</c> and <c>asm/kvm.h</c> have them.</summary>
public sealed class KvmLayoutTests
{
    [Fact]
    public void Structures_of_a_machine()
    {
        Assert.Equal(32, Unsafe.SizeOf<Libc.KvmMemoryRegion>());
        Assert.Equal(8, Offset<Libc.KvmMemoryRegion>(nameof(Libc.KvmMemoryRegion.GuestAddress)));
        Assert.Equal(16, Offset<Libc.KvmMemoryRegion>(nameof(Libc.KvmMemoryRegion.Length)));
        Assert.Equal(24, Offset<Libc.KvmMemoryRegion>(nameof(Libc.KvmMemoryRegion.HostAddress)));
        Assert.Equal(64, Unsafe.SizeOf<Libc.KvmIoEventFd>());
        Assert.Equal(8, Offset<Libc.KvmIoEventFd>(nameof(Libc.KvmIoEventFd.Address)));
        Assert.Equal(16, Offset<Libc.KvmIoEventFd>(nameof(Libc.KvmIoEventFd.Length)));
        Assert.Equal(20, Offset<Libc.KvmIoEventFd>(nameof(Libc.KvmIoEventFd.EventFd)));
        Assert.Equal(24, Offset<Libc.KvmIoEventFd>(nameof(Libc.KvmIoEventFd.Flags)));
        Assert.Equal(104, Unsafe.SizeOf<Libc.KvmEnableCapability>());
        Assert.Equal(8, Offset<Libc.KvmEnableCapability>(nameof(Libc.KvmEnableCapability.Argument)));
        Assert.Equal(24, Unsafe.SizeOf<Libc.KvmMsrFilterRange>());
        Assert.Equal(8, Offset<Libc.KvmMsrFilterRange>(nameof(Libc.KvmMsrFilterRange.First)));
        Assert.Equal(16, Offset<Libc.KvmMsrFilterRange>(nameof(Libc.KvmMsrFilterRange.Bitmap)));
        Assert.Equal(8 + (16 * 24), Unsafe.SizeOf<Libc.KvmMsrFilter>());
        Assert.Equal(8, Offset<Libc.KvmMsrFilter>(nameof(Libc.KvmMsrFilter.FirstRange)));
        Assert.Equal(8, Unsafe.SizeOf<Libc.KvmListHead>());
        Assert.Equal(40, Unsafe.SizeOf<Libc.KvmCpuidEntry>());
        Assert.Equal(24, Offset<Libc.KvmCpuidEntry>(nameof(Libc.KvmCpuidEntry.Edx)));
        Assert.Equal(16, Unsafe.SizeOf<Libc.KvmMsrEntry>());
        Assert.Equal(8, Offset<Libc.KvmMsrEntry>(nameof(Libc.KvmMsrEntry.Data)));
    }

    [Fact]
    public void Structures_of_a_run()
    {
        Assert.Equal(0x930, Unsafe.SizeOf<Libc.KvmRun>());
        Assert.Equal(0, Offset<Libc.KvmRun>(nameof(Libc.KvmRun.RequestInterruptWindow)));
        Assert.Equal(1, Offset<Libc.KvmRun>(nameof(Libc.KvmRun.ImmediateExit)));
        Assert.Equal(8, Offset<Libc.KvmRun>(nameof(Libc.KvmRun.ExitReason)));
        Assert.Equal(12, Offset<Libc.KvmRun>(nameof(Libc.KvmRun.ReadyForInterruptInjection)));
        Assert.Equal(13, Offset<Libc.KvmRun>(nameof(Libc.KvmRun.InterruptFlag)));
        Assert.Equal(16, Offset<Libc.KvmRun>(nameof(Libc.KvmRun.Cr8)));
        Assert.Equal(24, Offset<Libc.KvmRun>(nameof(Libc.KvmRun.ApicBase)));
        foreach (string name in new[] { "HardwareReason", "Port", "Memory", "Msr", "InternalError", "SystemEvent" })
        {
            Assert.Equal(32, Offset<Libc.KvmRun>(name));
        }

        Assert.Equal(2, Offset<Libc.KvmPortExit>(nameof(Libc.KvmPortExit.Port)));
        Assert.Equal(4, Offset<Libc.KvmPortExit>(nameof(Libc.KvmPortExit.Count)));
        Assert.Equal(8, Offset<Libc.KvmPortExit>(nameof(Libc.KvmPortExit.DataOffset)));
        Assert.Equal(8, Offset<Libc.KvmMemoryExit>(nameof(Libc.KvmMemoryExit.Data)));
        Assert.Equal(16, Offset<Libc.KvmMemoryExit>(nameof(Libc.KvmMemoryExit.Length)));
        Assert.Equal(20, Offset<Libc.KvmMemoryExit>(nameof(Libc.KvmMemoryExit.IsWrite)));
        Assert.Equal(0, Offset<Libc.KvmMsrExit>(nameof(Libc.KvmMsrExit.Error)));
        Assert.Equal(8, Offset<Libc.KvmMsrExit>(nameof(Libc.KvmMsrExit.Reason)));
        Assert.Equal(12, Offset<Libc.KvmMsrExit>(nameof(Libc.KvmMsrExit.Index)));
        Assert.Equal(16, Offset<Libc.KvmMsrExit>(nameof(Libc.KvmMsrExit.Data)));
        Assert.Equal(4, Offset<Libc.KvmInternalError>(nameof(Libc.KvmInternalError.WordCount)));
        Assert.Equal(8, Offset<Libc.KvmInternalError>(nameof(Libc.KvmInternalError.Flags)));
        Assert.Equal(16, Offset<Libc.KvmInternalError>(nameof(Libc.KvmInternalError.InstructionLength)));
        Assert.Equal(17, Offset<Libc.KvmInternalError>(nameof(Libc.KvmInternalError.InstructionBytes)));
    }

    [Fact]
    public void Structures_of_a_state()
    {
        Assert.Equal(144, Unsafe.SizeOf<CpuRegisters>());
        string[] registers =
        [
            "Rax", "Rbx", "Rcx", "Rdx", "Rsi", "Rdi", "Rsp", "Rbp", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15", "Rip", "Rflags",
        ];
        for (int i = 0; i < registers.Length; i++)
        {
            Assert.Equal(8 * i, Offset<CpuRegisters>(registers[i]));
        }

        Assert.Equal(24, Unsafe.SizeOf<Libc.KvmSegment>());
        string[] fields = ["Type", "Present", "Dpl", "Db", "S", "L", "G", "Avl", "Unusable"];
        for (int i = 0; i < fields.Length; i++)
        {
            Assert.Equal(14 + i, Offset<Libc.KvmSegment>(fields[i]));
        }

        Assert.Equal(16, Unsafe.SizeOf<Libc.KvmTable>());
        Assert.Equal(312, Unsafe.SizeOf<Libc.KvmSystemRegisters>());
        Assert.Equal(6 * 24, Offset<Libc.KvmSystemRegisters>(nameof(Libc.KvmSystemRegisters.Tr)));
        Assert.Equal(0xc0, Offset<Libc.KvmSystemRegisters>(nameof(Libc.KvmSystemRegisters.Gdt)));
        Assert.Equal(0xe0, Offset<Libc.KvmSystemRegisters>(nameof(Libc.KvmSystemRegisters.Cr0)));
        Assert.Equal(0x110, Offset<Libc.KvmSystemRegisters>(nameof(Libc.KvmSystemRegisters.ApicBase)));
        Assert.Equal(0x118, Offset<Libc.KvmSystemRegisters>(nameof(Libc.KvmSystemRegisters.InterruptBitmap)));
        Assert.Equal(64, Unsafe.SizeOf<Libc.KvmEvents>());
        Assert.Equal(16, Offset<Libc.KvmEvents>(nameof(Libc.KvmEvents.SipiVector)));
        Assert.Equal(20, Offset<Libc.KvmEvents>(nameof(Libc.KvmEvents.Flags)));
        Assert.Equal(55, Offset<Libc.KvmEvents>(nameof(Libc.KvmEvents.ExceptionHasPayload)));
        Assert.Equal(56, Offset<Libc.KvmEvents>(nameof(Libc.KvmEvents.ExceptionPayload)));
        Assert.Equal(128, Unsafe.SizeOf<Libc.KvmDebugRegisters>());
        Assert.Equal(40, Offset<Libc.KvmDebugRegisters>(nameof(Libc.KvmDebugRegisters.Dr7)));
        Assert.Equal(392, Unsafe.SizeOf<Libc.KvmXcrs>());
        Assert.Equal(16, Offset<Libc.KvmXcrs>(nameof(Libc.KvmXcrs.Value)));
    }

    /// <summary>A request's number has the length of its argument in bits 29:16.</summary>
    [Fact]
    public void Requests_have_the_length_of_what_they_move()
    {
        Check<Libc.KvmMemoryRegion>(Libc.KVM_SET_USER_MEMORY_REGION);
        Check<Libc.KvmIoEventFd>(Libc.KVM_IOEVENTFD);
        Check<Libc.KvmClock>(Libc.KVM_GET_CLOCK, Libc.KVM_SET_CLOCK);
        Check<Libc.KvmEnableCapability>(Libc.KVM_ENABLE_CAP);
        Check<Libc.KvmMsrFilter>(Libc.KVM_X86_SET_MSR_FILTER);
        Check<CpuRegisters>(Libc.KVM_GET_REGS, Libc.KVM_SET_REGS);
        Check<Libc.KvmSystemRegisters>(Libc.KVM_GET_SREGS, Libc.KVM_SET_SREGS);
        Check<Libc.KvmEvents>(Libc.KVM_GET_VCPU_EVENTS, Libc.KVM_SET_VCPU_EVENTS);
        Check<Libc.KvmDebugRegisters>(Libc.KVM_GET_DEBUGREGS, Libc.KVM_SET_DEBUGREGS);
        Check<Libc.KvmXcrs>(Libc.KVM_GET_XCRS, Libc.KVM_SET_XCRS);
        Check<Libc.KvmListHead>(Libc.KVM_GET_SUPPORTED_CPUID, Libc.KVM_SET_CPUID2, Libc.KVM_GET_MSRS, Libc.KVM_SET_MSRS);
        Check<uint>(Libc.KVM_INTERRUPT, Libc.KVM_GET_MSR_INDEX_LIST, Libc.KVM_GET_MSR_FEATURE_INDEX_LIST);
        Assert.Equal((nuint)Libc.KvmXsaveLength, (Libc.KVM_GET_XSAVE >> 16) & 0x3fff);

        static void Check<T>(params nuint[] requests) => Assert.All(requests, request => Assert.Equal((nuint)Unsafe.SizeOf<T>(), (request >> 16) & 0x3fff));
    }

    private static int Offset<T>(string field) => (int)Marshal.OffsetOf<T>(field);
}
