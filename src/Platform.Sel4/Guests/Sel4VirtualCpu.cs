using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>
/// A virtual processor of the kernel's, with VT-x. What the processor's own business is (CPUID, control registers, XSETBV) comes out of the guest here and is answered at once; the rest is told.
/// </summary>
/// <remarks>
/// <para>The kernel tells the general registers at an exit. After a signal it does not, and keeps them: they are asked for by an entry that leaves before its first instruction.</para>
/// <para>A guest that the processor refused is never entered again: this kernel would break.</para>
/// </remarks>
internal sealed partial class Sel4VirtualCpu : VirtualCpu
{
    private readonly GuestGate _gate;
    private readonly Sel4VirtualMachine _machine;
    private VmExit _exit;
    private GuestEntry _entry;
    private Thread? _thread;
    private bool _isDead;
    private bool _isDisposed;

    internal Sel4VirtualCpu(GuestGate gate, Sel4VirtualMachine machine, uint id)
    {
        _gate = gate;
        _machine = machine;
        Id = id;
        Reset();
    }

    /// <inheritdoc/>
    public override uint Id { get; }

    /// <inheritdoc/>
    public override ref readonly VmExit Run()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_thread != Thread.CurrentThread)
        {
            _gate.Bind();
            _thread = Thread.CurrentThread;
        }

        AnswerMsr();
        while (!_isDead)
        {
            if (Enter())
            {
                if (TakeExit())
                {
                    return ref _exit;
                }

                continue;
            }

            _exit = new() { Kind = VmExitKind.Cancelled };
            return ref _exit;
        }

        return ref _exit;
    }

    /// <inheritdoc/>
    /// <remarks>A signal that comes while nobody is in the guest is there at the next entry.</remarks>
    public override void RequestExit() => _gate.Signal();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _isDisposed = true;

    /// <summary>Enters the guest.</summary>
    /// <returns>False where somebody asked it to come back.</returns>
    private bool Enter()
    {
        if (_mustSetRegisters)
        {
            _gate.SetRegisters(_registers);
            _mustSetRegisters = false;
        }

        if (_isNmiPending && (_entry.Injection & VmxControls.Valid) == 0)
        {
            TryInjectNmi();
        }

        _entry.Rip = _registers.Rip;
        _entry.Controls = VmxControls.Primary | (_wantsWindow ? VmxControls.InterruptWindow : 0) | (_isNmiPending ? VmxControls.NmiWindow : 0);
        bool isExit = _gate.Enter(ref _entry);
        _registers.Rip = _entry.Rip;
        _wantsWindow = false;
        _isRspKnown = false;
        _isWindowClosed = false;
        _hasRegisters = isExit;
        _hasFlags = isExit;

        // What was injected is taken off by the processor as it enters; where it did not get that far, it is still there.
        _entry.Injection = (_entry.Injection & VmxControls.Valid) != 0 ? _entry.Injection : 0;
        if (isExit)
        {
            _entry.Injection = 0;
            _gate.GetRegisters(ref _registers);
            _registers.Rflags = _gate[GuestWord.Rflags];
            _interruptibility = _gate[GuestWord.Interruptibility];
        }

        return isExit;
    }

    /// <summary>Has the kernel tell the registers: an entry that the timer ends before the first instruction.</summary>
    private void Synchronize()
    {
        if (_hasRegisters)
        {
            return;
        }

        ulong controls = _gate.Read(VmcsField.PinControls);
        ulong injection = _entry.Injection;
        _gate.Write(VmcsField.PinControls, controls | VmxControls.PreemptionTimer);
        _gate.Write(VmcsField.PreemptionTimer, 0);
        _entry.Injection = 0;
        bool isCalled = false;
        while (!Enter())
        {
            isCalled = true;
        }

        _gate.Write(VmcsField.PinControls, controls);
        _entry.Injection = injection;
        if (isCalled)
        {
            // Somebody asked meanwhile, and has not been heard.
            RequestExit();
        }

        if (_entry.Reason != (ulong)VmxExitReason.PreemptionTimer)
        {
            throw new IOException($"virtual processor {Id} came out for reason {_entry.Reason}, where its timer had run down before it was entered");
        }
    }
}
