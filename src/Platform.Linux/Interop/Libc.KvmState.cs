using System.Runtime.InteropServices;

namespace Makatea.Platform.Linux;

/// <summary>KVM's structures of a processor's state. <c>struct kvm_regs</c> is <see cref="CpuRegisters"/>.</summary>
internal static unsafe partial class Libc
{
    internal const nuint KVM_GET_REGS = 0x8090ae81;
    internal const nuint KVM_SET_REGS = 0x4090ae82;
    internal const nuint KVM_GET_SREGS = 0x8138ae83;
    internal const nuint KVM_SET_SREGS = 0x4138ae84;
    internal const nuint KVM_GET_VCPU_EVENTS = 0x8040ae9f;
    internal const nuint KVM_SET_VCPU_EVENTS = 0x4040aea0;
    internal const nuint KVM_GET_DEBUGREGS = 0x8080aea1;
    internal const nuint KVM_SET_DEBUGREGS = 0x4080aea2;
    internal const nuint KVM_GET_XSAVE = 0x9000aea4;
    internal const nuint KVM_SET_XSAVE = 0x5000aea5;
    internal const nuint KVM_GET_XSAVE2 = 0x9000aecf;
    internal const nuint KVM_GET_XCRS = 0x8188aea6;
    internal const nuint KVM_SET_XCRS = 0x4188aea7;

    /// <summary>Least length of <c>struct kvm_xsave</c>.</summary>
    internal const int KvmXsaveLength = 4096;

    internal const uint KVM_VCPUEVENT_VALID_NMI_PENDING = 1;
    internal const uint KVM_VCPUEVENT_VALID_SHADOW = 4;
    internal const uint KVM_VCPUEVENT_VALID_PAYLOAD = 16;

    internal const byte KVM_X86_SHADOW_INT_MOV_SS = 1;
    internal const byte KVM_X86_SHADOW_INT_STI = 2;

    /// <summary><c>struct kvm_segment</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct KvmSegment
    {
        internal ulong Base;
        internal uint Limit;
        internal ushort Selector;
        internal byte Type;
        internal byte Present;
        internal byte Dpl;
        internal byte Db;
        internal byte S;
        internal byte L;
        internal byte G;
        internal byte Avl;
        internal byte Unusable;
        internal byte Padding;
    }

    /// <summary><c>struct kvm_dtable</c>.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 16)]
    internal struct KvmTable
    {
        internal ulong Base;
        internal ushort Limit;
    }

    /// <summary><c>struct kvm_sregs</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct KvmSystemRegisters
    {
        internal KvmSegment Cs, Ds, Es, Fs, Gs, Ss;
        internal KvmSegment Tr, Ldt;
        internal KvmTable Gdt, Idt;
        internal ulong Cr0, Cr2, Cr3, Cr4, Cr8;
        internal ulong Efer;
        internal ulong ApicBase;

        /// <summary>A set bit is the vector of an interrupt in the middle of delivery.</summary>
        internal fixed ulong InterruptBitmap[4];
    }

    /// <summary><c>struct kvm_vcpu_events</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    internal struct KvmEvents
    {
        [FieldOffset(0)]
        internal byte ExceptionInjected;

        [FieldOffset(1)]
        internal byte ExceptionVector;

        [FieldOffset(2)]
        internal byte ExceptionHasErrorCode;

        [FieldOffset(3)]
        internal byte ExceptionPending;

        [FieldOffset(4)]
        internal uint ExceptionErrorCode;

        [FieldOffset(8)]
        internal byte InterruptInjected;

        [FieldOffset(9)]
        internal byte InterruptVector;

        [FieldOffset(10)]
        internal byte InterruptIsSoftware;

        [FieldOffset(11)]
        internal byte InterruptShadow;

        [FieldOffset(12)]
        internal byte NmiInjected;

        [FieldOffset(13)]
        internal byte NmiPending;

        [FieldOffset(14)]
        internal byte NmiMasked;

        [FieldOffset(16)]
        internal uint SipiVector;

        /// <summary>Which fields KVM_SET_VCPU_EVENTS takes beside those that it always takes.</summary>
        [FieldOffset(20)]
        internal uint Flags;

        [FieldOffset(55)]
        internal byte ExceptionHasPayload;

        [FieldOffset(56)]
        internal ulong ExceptionPayload;
    }

    /// <summary><c>struct kvm_debugregs</c>.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    internal struct KvmDebugRegisters
    {
        internal ulong Dr0, Dr1, Dr2, Dr3;
        internal ulong Dr6;
        internal ulong Dr7;
        internal ulong Flags;
    }

    /// <summary><c>struct kvm_xcrs</c> with the one register that there is.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 392)]
    internal struct KvmXcrs
    {
        internal uint Count;
        internal uint Flags;
        internal uint Number;
        internal uint Reserved;
        internal ulong Value;
    }
}
