namespace Makatea.Platform.Linux;

/// <summary>What the guest is made to take.</summary>
internal sealed unsafe partial class KvmCpu
{
    // What KVM said at the last exit no longer holds.
    private bool _isWindowClosed;

    /// <inheritdoc/>
    public override bool CanInjectInterrupt => !_isWindowClosed && Volatile.Read(ref _run->ReadyForInterruptInjection) != 0;

    /// <inheritdoc/>
    public override byte TaskPriority
    {
        get => (byte)(_run->Cr8 & 15);
        set => _run->Cr8 = value <= 15 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "a task priority is 0 to 15");
    }

    /// <inheritdoc/>
    public override void InjectInterrupt(byte vector)
    {
        if (!CanInjectInterrupt)
        {
            throw new InvalidOperationException($"interrupt {vector} cannot be injected into virtual processor {Id} now; ask for the window");
        }

        uint number = vector;
        Require(Libc.IoctlFast(_fd, Libc.KVM_INTERRUPT, (nint)(&number)), "inject an interrupt", "KVM_INTERRUPT");
        _isWindowClosed = true;
    }

    /// <inheritdoc/>
    public override void RequestInterruptWindow() => _run->RequestInterruptWindow = 1;

    /// <inheritdoc/>
    public override void InjectNmi() => Require(Libc.IoctlFast(_fd, Libc.KVM_NMI, 0), "inject an NMI", "KVM_NMI");

    /// <inheritdoc/>
    public override void InjectException(byte vector, uint? errorCode)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vector, 31);
        Libc.KvmEvents events = GetEvents();
        events.ExceptionInjected = 1;
        events.ExceptionPending = 0;
        events.ExceptionHasPayload = 0;
        events.ExceptionVector = vector;
        events.ExceptionHasErrorCode = errorCode is null ? (byte)0 : (byte)1;
        events.ExceptionErrorCode = errorCode ?? 0;
        events.Flags = 0;
        Require(Libc.IoctlFast(_fd, Libc.KVM_SET_VCPU_EVENTS, (nint)(&events)), "inject an exception", "KVM_SET_VCPU_EVENTS");
        _isWindowClosed = true;
    }

    private Libc.KvmEvents GetEvents()
    {
        Libc.KvmEvents events;
        Require(Libc.IoctlFast(_fd, Libc.KVM_GET_VCPU_EVENTS, (nint)(&events)), "read what is pending", "KVM_GET_VCPU_EVENTS");
        return events;
    }
}
