using Makatea.Platform;

namespace Makatea.Vmm;

/// <summary>
/// The local APIC of a vCPU ([SDM] volume 3, chapter 11), xAPIC and x2APIC. As a bus it is its page of registers, at <see cref="Page"/>, which each processor sees its own of.
/// </summary>
/// <remarks>
/// <para>Any thread posts, without a lock: a bit in IRR, and then <c>wake</c>, unless the vCPU was woken before and has not looked since. All else is for the vCPU's own thread.
/// Before it enters the guest, and before it sleeps, it asks <see cref="TryTakeInterrupt"/> (or <see cref="HasInterrupt"/> where the guest takes none now) and <see cref="HasEvents"/>; what is
/// posted after that wakes it.</para>
/// <para>Not there: SMI, ExtINT and what raises LINT0, LINT1, thermal and performance interrupts, whose registers only keep what is written. Their page does not move, and the ID cannot be written.</para>
/// </remarks>
public sealed partial class LocalApic : RegisterBus
{
    /// <summary>Guest-physical address of the registers.</summary>
    public const ulong Page = 0xfee0_0000;

    /// <summary>Their length in bytes.</summary>
    public const ulong PageLength = 0x1000;

    private const byte FirstVector = 16;
    private const uint SoftwareDisabled = 0xff;

    private readonly LocalApicBus _bus;
    private readonly Action _wake;
    private readonly LocalApicTimer _timer;
    private readonly VectorSet _requested = new();
    private readonly VectorSet _inService = new();
    private readonly VectorSet _level = new();
    private readonly ProcessorEvents _events = new();
    private readonly uint[] _localVectors = new uint[LocalApicRegister.LocalVectorCount];
    private int _wakeIsUnderWay;
    private int _thread;
    private ulong _base;
    private uint _taskPriority;
    private uint _spurious;
    private uint _logicalDestination;
    private uint _destinationFormat;
    private uint _command;
    private uint _commandHigh;
    private uint _errors;
    private uint _errorStatus;

    /// <summary>Makes an APIC in xAPIC mode, as after power-up, and puts it on the bus.</summary>
    /// <param name="bus">Where its interrupts come from and go to.</param>
    /// <param name="id">Its ID; 255 cannot be addressed in xAPIC mode.</param>
    /// <param name="isBootstrap">Whether its processor starts by itself.</param>
    /// <param name="deadlines">Where its timer waits.</param>
    /// <param name="tsc">Its vCPU's time stamp counter.</param>
    /// <param name="wake">Makes the vCPU leave the guest, or its sleep. Called from any thread; does not block.</param>
    public LocalApic(LocalApicBus bus, uint id, bool isBootstrap, DeadlineQueue deadlines, TscClock tsc, Action wake)
    {
        ArgumentNullException.ThrowIfNull(bus);
        ArgumentNullException.ThrowIfNull(deadlines);
        ArgumentNullException.ThrowIfNull(tsc);
        ArgumentNullException.ThrowIfNull(wake);
        _bus = bus;
        _wake = wake;
        _timer = new(deadlines, tsc, () => PostLocal(LocalApicRegister.TimerVector));
        Id = id;
        _base = Page | LocalApicMsr.BaseIsEnabled | (isBootstrap ? LocalApicMsr.BaseIsBootstrap : 0);
        Reset();
        bus.Add(this);
    }

    /// <summary>Its ID.</summary>
    public uint Id { get; }

    /// <summary>Whether it is on (IA32_APIC_BASE): what CPUID leaf 1 shows as APIC.</summary>
    public bool IsEnabled => (Volatile.Read(ref _base) & LocalApicMsr.BaseIsEnabled) != 0;

    /// <summary>Whether its registers are MSRs; else they are in memory.</summary>
    public bool IsExtended => (Volatile.Read(ref _base) & LocalApicMsr.BaseIsExtended) != 0;

    /// <summary>Whether NMI, INIT or a start-up waits. For its vCPU's thread: what comes later wakes it.</summary>
    public bool HasEvents
    {
        get
        {
            Look();
            return _events.Any;
        }
    }

    /// <summary>Whether <see cref="TryTakeInterrupt"/> would give one. For its vCPU's thread: what comes later wakes it.</summary>
    public bool HasInterrupt
    {
        get
        {
            Look();
            return Deliverable() >= 0;
        }
    }

    /// <summary>CR8: the task priority's class, 0 to 15.</summary>
    public byte TaskPriorityClass
    {
        get => (byte)(_taskPriority >> 4);
        set => _taskPriority = (uint)(value & 0xf) << 4;
    }

    private bool IsSoftwareEnabled => (Volatile.Read(ref _spurious) & LocalVectorBits.SoftwareEnabled) != 0;

    /// <summary>PPR: the task's priority or that of what is in service ([SDM] volume 3, 11.8.3.1).</summary>
    private uint ProcessorPriority
    {
        get
        {
            uint serving = (uint)Math.Max(0, _inService.Highest()) & 0xf0;
            return (_taskPriority & 0xf0) >= serving ? _taskPriority : serving;
        }
    }

    /// <summary>Takes the interrupt to inject now: out of IRR, into ISR. The guest must take it, so this is asked when it can.</summary>
    /// <param name="vector">The vector.</param>
    /// <returns>False when there is none above the processor's priority.</returns>
    public bool TryTakeInterrupt(out byte vector)
    {
        Look();
        int highest = Deliverable();
        vector = (byte)Math.Max(0, highest);
        if (highest < 0)
        {
            return false;
        }

        _inService.Add(vector);
        _requested.Remove(vector);
        return true;
    }

    /// <summary>Takes the non-maskable interrupt that waits.</summary>
    public bool TryTakeNmi()
    {
        Look();
        return _events.TakeNmi();
    }

    /// <summary>Takes the INIT that waits, and resets the APIC: the processor is to be reset, and waits for a start-up.</summary>
    public bool TryTakeInit()
    {
        Look();
        if (!_events.TakeInit())
        {
            return false;
        }

        Reset();
        return true;
    }

    /// <summary>Takes the start-up that waits. A processor that does not wait for one ignores it.</summary>
    /// <param name="page">The number of the page to start at.</param>
    public bool TryTakeStartUp(out byte page)
    {
        Look();
        return _events.TakeStartUp(out page);
    }

    /// <summary>After the guest's time stamp counter was written, or has gone on while the guest's clock was paused: a deadline moves with it.</summary>
    public void FollowTsc() => _timer.FollowTsc();

    /// <summary>As after INIT: all but the mode and the ID.</summary>
    private void Reset()
    {
        _timer.Reset();
        Volatile.Write(ref _spurious, SoftwareDisabled);
        _requested.Clear();
        _inService.Clear();
        _level.Clear();
        Array.Fill(_localVectors, LocalVectorBits.Masked);
        _taskPriority = 0;
        _divide = 0;
        Volatile.Write(ref _logicalDestination, 0);
        Volatile.Write(ref _destinationFormat, uint.MaxValue);
        _command = 0;
        _commandHigh = 0;
        Volatile.Write(ref _errors, 0);
        _errorStatus = 0;
    }

    private int Deliverable()
    {
        // One that is off has nothing, but for what was on its way as it was switched off.
        int highest = _requested.Highest();
        return highest >= 0 && IsEnabled && (uint)highest >> 4 > ProcessorPriority >> 4 ? highest : -1;
    }

    private void EndInterrupt()
    {
        int highest = _inService.Highest();
        if (highest < 0)
        {
            return;
        }

        var vector = (byte)highest;
        _inService.Remove(vector);
        if (_level.Contains(vector) && (_spurious & LocalVectorBits.NoEndBroadcast) == 0)
        {
            _bus.EndInterrupt(vector);
        }
    }
}
