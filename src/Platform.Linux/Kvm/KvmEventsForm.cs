namespace Makatea.Platform.Linux;

/// <summary>What is pending, in KVM's form and in ours.</summary>
internal static class KvmEventsForm
{
    /// <summary>KVM puts the address or status of an exception that it is about to deliver into CR2 or DR6 when it is asked, as long as nobody turns its payloads on.</summary>
    internal static CpuEvents From(in Libc.KvmEvents raw)
    {
        bool isRaised = raw.ExceptionInjected != 0 || raw.ExceptionPending != 0;
        uint? errorCode = raw.ExceptionHasErrorCode != 0 ? raw.ExceptionErrorCode : null;
        return new()
        {
            Exception = isRaised ? new CpuException(raw.ExceptionVector, errorCode) : null,
            Interrupt = raw.InterruptInjected != 0 ? raw.InterruptVector : null,
            IsInterruptSoftware = raw.InterruptInjected != 0 && raw.InterruptIsSoftware != 0,
            IsShadowOfSti = (raw.InterruptShadow & Libc.KVM_X86_SHADOW_INT_STI) != 0,
            IsShadowOfMovSs = (raw.InterruptShadow & Libc.KVM_X86_SHADOW_INT_MOV_SS) != 0,
            IsNmiInjected = raw.NmiInjected != 0,
            IsNmiPending = raw.NmiPending != 0,
            IsNmiMasked = raw.NmiMasked != 0,
        };
    }

    internal static Libc.KvmEvents To(in CpuEvents events) => new()
    {
        ExceptionInjected = Flag(events.Exception is not null),
        ExceptionVector = events.Exception?.Vector ?? 0,
        ExceptionHasErrorCode = Flag(events.Exception?.ErrorCode is not null),
        ExceptionErrorCode = events.Exception?.ErrorCode ?? 0,
        InterruptInjected = Flag(events.Interrupt is not null),
        InterruptVector = events.Interrupt ?? 0,
        InterruptIsSoftware = Flag(events.IsInterruptSoftware),
        InterruptShadow = (byte)((events.IsShadowOfSti ? Libc.KVM_X86_SHADOW_INT_STI : 0) | (events.IsShadowOfMovSs ? Libc.KVM_X86_SHADOW_INT_MOV_SS : 0)),
        NmiInjected = Flag(events.IsNmiInjected),
        NmiPending = Flag(events.IsNmiPending),
        NmiMasked = Flag(events.IsNmiMasked),
        Flags = Libc.KVM_VCPUEVENT_VALID_NMI_PENDING | Libc.KVM_VCPUEVENT_VALID_SHADOW,
    };

    private static byte Flag(bool value) => value ? (byte)1 : (byte)0;
}
