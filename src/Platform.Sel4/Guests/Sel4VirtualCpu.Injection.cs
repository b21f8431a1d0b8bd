using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <content>What the guest is made to take.</content>
internal sealed partial class Sel4VirtualCpu
{
    private const byte PageFault = 14;
    private const byte InvalidOpcode = 6;
    private const byte GeneralProtection = 13;

    private bool _wantsWindow;
    private bool _isNmiPending;
    private byte _taskPriority;

    // Before the first run, and from when registers were set until the next.
    private bool _isWindowClosed = true;

    /// <inheritdoc/>
    public override bool CanInjectInterrupt
    {
        get
        {
            if (_isWindowClosed || _isDead || (_entry.Injection & VmxControls.Valid) != 0)
            {
                return false;
            }

            ReadFlags();
            return (_registers.Rflags & CpuRegisters.InterruptFlag) != 0 && (_interruptibility & VmxControls.Shadows) == 0;
        }
    }

    /// <inheritdoc/>
    public override byte TaskPriority
    {
        get => _taskPriority;
        set => _taskPriority = value <= 15 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "a task priority is 0 to 15");
    }

    /// <inheritdoc/>
    public override void InjectInterrupt(byte vector)
    {
        if (!CanInjectInterrupt)
        {
            throw new InvalidOperationException($"interrupt {vector} cannot be injected into virtual processor {Id} now; ask for the window");
        }

        _entry.Injection = VmxControls.Valid | vector;
        _isWindowClosed = true;
    }

    /// <inheritdoc/>
    public override void RequestInterruptWindow() => _wantsWindow = true;

    /// <inheritdoc/>
    public override void InjectNmi() => _isNmiPending = true;

    /// <inheritdoc/>
    /// <remarks>A page fault is left to the processor, which finds it at the same instruction and sets CR2: that register is not the VMM's to set here.</remarks>
    public override void InjectException(byte vector, uint? errorCode)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vector, 31);
        _isWindowClosed = true;
        if (vector == PageFault)
        {
            return;
        }

        if (errorCode is { } code)
        {
            _gate.Write(VmcsField.EntryErrorCode, code);
        }

        _entry.Injection = VmxControls.Valid | VmxControls.Exception | vector | (errorCode is null ? 0 : VmxControls.HasErrorCode);
    }

    private void TryInjectNmi()
    {
        ReadFlags();
        if ((_interruptibility & (VmxControls.Shadows | VmxControls.BlockedByNmi)) == 0)
        {
            _entry.Injection = VmxControls.Nmi;
            _isNmiPending = false;
        }
    }
}
