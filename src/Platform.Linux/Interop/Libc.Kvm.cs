using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>KVM: requests and structures of <c>linux/kvm.h</c> on x86-64. <c>Libc.KvmState.cs</c> has those of a processor's state.</summary>
internal static unsafe partial class Libc
{
    internal const int KVM_API_VERSION = 12;

    // Of /dev/kvm.
    internal const nuint KVM_GET_API_VERSION = 0xae00;
    internal const nuint KVM_CREATE_VM = 0xae01;
    internal const nuint KVM_GET_MSR_INDEX_LIST = 0xc004ae02;
    internal const nuint KVM_CHECK_EXTENSION = 0xae03;
    internal const nuint KVM_GET_VCPU_MMAP_SIZE = 0xae04;
    internal const nuint KVM_GET_SUPPORTED_CPUID = 0xc008ae05;
    internal const nuint KVM_GET_MSR_FEATURE_INDEX_LIST = 0xc004ae0a;

    // Of a machine.
    internal const nuint KVM_CREATE_VCPU = 0xae41;
    internal const nuint KVM_SET_USER_MEMORY_REGION = 0x4020ae46;
    internal const nuint KVM_SET_TSS_ADDR = 0xae47;
    internal const nuint KVM_SET_IDENTITY_MAP_ADDR = 0x4008ae48;
    internal const nuint KVM_IOEVENTFD = 0x4040ae79;
    internal const nuint KVM_SET_CLOCK = 0x4030ae7b;
    internal const nuint KVM_GET_CLOCK = 0x8030ae7c;
    internal const nuint KVM_ENABLE_CAP = 0x4068aea3;
    internal const nuint KVM_X86_SET_MSR_FILTER = 0x4188aec6;

    // Of a processor.
    internal const nuint KVM_RUN = 0xae80;
    internal const nuint KVM_INTERRUPT = 0x4004ae86;
    internal const nuint KVM_GET_MSRS = 0xc008ae88;
    internal const nuint KVM_SET_MSRS = 0x4008ae89;
    internal const nuint KVM_SET_CPUID2 = 0x4008ae90;
    internal const nuint KVM_NMI = 0xae9a;
    internal const nuint KVM_SET_TSC_KHZ = 0xaea2;
    internal const nuint KVM_GET_TSC_KHZ = 0xaea3;

    internal const uint KVM_MEM_READONLY = 2;

    internal const uint KVM_IOEVENTFD_FLAG_DATAMATCH = 1;
    internal const uint KVM_IOEVENTFD_FLAG_PIO = 2;
    internal const uint KVM_IOEVENTFD_FLAG_DEASSIGN = 4;

    internal const uint KVM_EXIT_UNKNOWN = 0;
    internal const uint KVM_EXIT_IO = 2;
    internal const uint KVM_EXIT_HLT = 5;
    internal const uint KVM_EXIT_MMIO = 6;
    internal const uint KVM_EXIT_IRQ_WINDOW_OPEN = 7;
    internal const uint KVM_EXIT_SHUTDOWN = 8;
    internal const uint KVM_EXIT_FAIL_ENTRY = 9;
    internal const uint KVM_EXIT_SET_TPR = 11;
    internal const uint KVM_EXIT_INTERNAL_ERROR = 17;
    internal const uint KVM_EXIT_SYSTEM_EVENT = 24;
    internal const uint KVM_EXIT_X86_RDMSR = 29;
    internal const uint KVM_EXIT_X86_WRMSR = 30;

    internal const byte KVM_EXIT_IO_OUT = 1;
    internal const uint KVM_INTERNAL_ERROR_EMULATION = 1;
    internal const ulong KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES = 1;

    internal const uint KVM_MSR_EXIT_REASON_INVAL = 1;
    internal const uint KVM_MSR_EXIT_REASON_UNKNOWN = 2;
    internal const uint KVM_MSR_EXIT_REASON_FILTER = 4;

    internal const uint KVM_MSR_FILTER_READ = 1;
    internal const uint KVM_MSR_FILTER_WRITE = 2;
    internal const uint KVM_MSR_FILTER_DEFAULT_DENY = 1;
    internal const int KVM_MSR_FILTER_MAX_RANGES = 16;
    internal const int KVM_MSR_FILTER_MAX_BITMAP_SIZE = 0x600;

    internal const uint KVM_CPUID_FLAG_SIGNIFCANT_INDEX = 1;

    /// <summary><c>struct kvm_userspace_memory_region</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct KvmMemoryRegion
    {
        internal uint Slot;
        internal uint Flags;
        internal ulong GuestAddress;

        /// <summary>In bytes; 0 takes the region out.</summary>
        internal ulong Length;
        internal nint HostAddress;
    }

    /// <summary><c>struct kvm_clock_data</c>; flags are not used.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 48)]
    internal struct KvmClock
    {
        internal ulong Nanoseconds;
        internal uint Flags;
    }

    /// <summary><c>struct kvm_ioeventfd</c>.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    internal struct KvmIoEventFd
    {
        internal ulong DataMatch;
        internal ulong Address;
        internal uint Length;
        internal int EventFd;
        internal uint Flags;
    }

    /// <summary><c>struct kvm_enable_cap</c>.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 104)]
    internal struct KvmEnableCapability
    {
        internal uint Capability;
        internal uint Flags;
        internal ulong Argument;
    }

    /// <summary><c>struct kvm_msr_filter_range</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct KvmMsrFilterRange
    {
        internal uint Flags;

        /// <summary>MSRs in the bitmap.</summary>
        internal uint Count;
        internal uint First;

        /// <summary>A set bit allows.</summary>
        internal byte* Bitmap;
    }

    /// <summary><c>struct kvm_msr_filter</c>, of which 16 ranges of 24 bytes follow the head.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 392)]
    internal struct KvmMsrFilter
    {
        [FieldOffset(0)]
        internal uint Flags;

        [FieldOffset(8)]
        internal KvmMsrFilterRange FirstRange;
    }

    /// <summary>The head of <c>struct kvm_cpuid2</c>, <c>kvm_msrs</c>: entries of the same kind follow.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct KvmListHead
    {
        internal uint Count;
        internal uint Padding;
    }

    /// <summary><c>struct kvm_cpuid_entry2</c>.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 40)]
    internal struct KvmCpuidEntry
    {
        internal uint Function;
        internal uint Index;
        internal uint Flags;
        internal uint Eax;
        internal uint Ebx;
        internal uint Ecx;
        internal uint Edx;
    }

    /// <summary><c>struct kvm_msr_entry</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct KvmMsrEntry
    {
        internal uint Index;
        internal uint Reserved;
        internal ulong Data;
    }

    /// <summary>
    /// A call on a processor's own descriptor, on the data path: that is open for as long as the processor lives, and <see cref="Marshal.GetLastSystemError"/> tells of failures.
    /// </summary>
    [LibraryImport(Library, EntryPoint = "ioctl")]
    internal static partial int IoctlFast(int fd, nuint request, nint argument);

    /// <summary>Whether KVM has something, and how much of it; of /dev/kvm or a machine.</summary>
    internal static int KvmCheckExtension(SafeFileHandle fd, int capability) => IoctlNumber(fd, KVM_CHECK_EXTENSION, capability);
}
