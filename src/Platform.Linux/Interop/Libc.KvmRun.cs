using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>What KVM and we share about a run of a processor.</summary>
internal static unsafe partial class Libc
{
    /// <summary><c>struct kvm_run</c> up to the registers that it could carry. The data of port accesses lies behind it, in the same mapping.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 0x930)]
    internal struct KvmRun
    {
        [FieldOffset(0x00)]
        internal byte RequestInterruptWindow;

        [FieldOffset(0x01)]
        internal byte ImmediateExit;

        [FieldOffset(0x08)]
        internal uint ExitReason;

        [FieldOffset(0x0c)]
        internal byte ReadyForInterruptInjection;

        [FieldOffset(0x0d)]
        internal byte InterruptFlag;

        /// <summary>Goes in and out.</summary>
        [FieldOffset(0x10)]
        internal ulong Cr8;

        [FieldOffset(0x18)]
        internal ulong ApicBase;

        /// <summary>KVM_EXIT_UNKNOWN, KVM_EXIT_FAIL_ENTRY: the processor's own reason.</summary>
        [FieldOffset(0x20)]
        internal ulong HardwareReason;

        [FieldOffset(0x20)]
        internal KvmPortExit Port;

        [FieldOffset(0x20)]
        internal KvmMemoryExit Memory;

        [FieldOffset(0x20)]
        internal KvmMsrExit Msr;

        [FieldOffset(0x20)]
        internal KvmInternalError InternalError;

        /// <summary>KVM_EXIT_SYSTEM_EVENT.</summary>
        [FieldOffset(0x20)]
        internal uint SystemEvent;
    }

    /// <summary>KVM_EXIT_IO.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct KvmPortExit
    {
        internal byte Direction;
        internal byte Width;
        internal ushort Port;

        /// <summary>Elements, of a string instruction.</summary>
        internal uint Count;

        /// <summary>Where the data is, from the start of <see cref="KvmRun"/>.</summary>
        internal ulong DataOffset;
    }

    /// <summary>KVM_EXIT_MMIO.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 24)]
    internal struct KvmMemoryExit
    {
        [FieldOffset(0)]
        internal ulong Address;

        [FieldOffset(8)]
        internal ulong Data;

        [FieldOffset(16)]
        internal uint Length;

        [FieldOffset(20)]
        internal byte IsWrite;
    }

    /// <summary>KVM_EXIT_X86_RDMSR and KVM_EXIT_X86_WRMSR.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 24)]
    internal struct KvmMsrExit
    {
        /// <summary>For us to set: not 0 has the instruction fault.</summary>
        [FieldOffset(0)]
        internal byte Error;

        [FieldOffset(8)]
        internal uint Reason;

        [FieldOffset(12)]
        internal uint Index;

        [FieldOffset(16)]
        internal ulong Data;
    }

    /// <summary>KVM_EXIT_INTERNAL_ERROR, with what follows where the emulation failed.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 32)]
    internal struct KvmInternalError
    {
        internal const int MostInstructionBytes = 15;

        [FieldOffset(0)]
        internal uint Suberror;

        /// <summary>How many of the 8-byte words that follow were written.</summary>
        [FieldOffset(4)]
        internal uint WordCount;

        [FieldOffset(8)]
        internal ulong Flags;

        [FieldOffset(16)]
        internal byte InstructionLength;

        [FieldOffset(17)]
        internal fixed byte InstructionBytes[MostInstructionBytes];
    }
}
