using Makatea.Platform;
using Makatea.Vmm.Policy;

namespace Makatea.Vmm;

/// <summary>
/// A processor of a guest: the loop that runs it on its own thread, gives it its interrupts, answers its exits and sleeps while it is halted.
/// </summary>
/// <remarks>
/// <para>Others ask something of it through its local APIC, or through <see cref="Pause"/> and <see cref="Stop"/>: they write down what they want and then <see cref="Wake"/> it. The loop looks at everything
/// that can be asked after each exit and before each sleep, so nothing is missed.</para>
/// <para>Two fences make the sleep safe: the loop says that it sleeps and then looks again; whoever asks writes down what it wants and then looks whether the loop sleeps.</para>
/// </remarks>
public sealed partial class Processor : IDisposable
{
    private readonly VirtualCpu _cpu;
    private readonly ProcessorBus _memory;
    private readonly DeviceBus _ports;
    private readonly MsrPolicy _msrs;
    private readonly MemoryEmulator _emulator;
    private readonly TscClock _tsc;
    private readonly Action<ProcessorFault> _failed;
    private readonly ManualResetEventSlim _signal = new(false, 0);
    private readonly object _parking = new();
    private int _isSleeping;
    private volatile bool _mustStop;
    private volatile bool _mustPark;
    private bool _isParked;
    private volatile ProcessorState _state;

    /// <summary>Makes a processor.</summary>
    /// <param name="cpu">What runs it; stays the caller's.</param>
    /// <param name="options">The machine around it.</param>
    /// <param name="isBootstrap">Whether it starts by itself; else it waits for INIT and a start-up.</param>
    /// <param name="failed">Called when the guest cannot go on; on the processor's thread.</param>
    public Processor(VirtualCpu cpu, ProcessorOptions options, bool isBootstrap, Action<ProcessorFault> failed)
    {
        ArgumentNullException.ThrowIfNull(cpu);
        ArgumentNullException.ThrowIfNull(options);
        _cpu = cpu;
        _ports = options.Ports;
        _msrs = options.Msrs;
        _failed = failed;
        _state = isBootstrap ? ProcessorState.Running : ProcessorState.WaitingForStartUp;
        _tsc = new TscClock(options.Deadlines.Clock, options.TscFrequency, () => cpu.Tsc);
        Apic = new LocalApic(options.Interrupts, cpu.Id, isBootstrap, options.Deadlines, _tsc, Wake);
        _memory = new ProcessorBus(Apic, options.Devices);
        _emulator = new MemoryEmulator(options.Memory, _memory);
    }

    /// <summary>Its local APIC.</summary>
    public LocalApic Apic { get; }

    /// <summary>What it does now.</summary>
    public ProcessorState State => _state;

    /// <summary>Number of exits so far; read from any thread, for reports.</summary>
    public long Exits { get; private set; }

    /// <summary>Runs the guest until it is stopped or cannot go on. On a thread of its own.</summary>
    public void Run()
    {
        try
        {
            GoOn();
            while (!_mustStop)
            {
                if (_mustPark)
                {
                    Park();
                    continue;
                }

                TakeEvents();
                if (_state == ProcessorState.Running || TryResumeFromHalt())
                {
                    Prepare();
                    _hasRun = true;
                    Answer(in _cpu.Run());
                }
                else
                {
                    Sleep();
                }
            }
        }
        catch (IOException e)
        {
            Fail($"the host cannot run it: {e.Message}");
        }
        finally
        {
            _state = ProcessorState.Stopped;
            lock (_parking)
            {
                Monitor.PulseAll(_parking);
            }
        }
    }

    /// <summary>Makes the loop look again at what it is asked for. From any thread; does not block.</summary>
    public void Wake()
    {
        // Pairs with the fence in Sleep.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _isSleeping) != 0)
        {
            _signal.Set();
        }
        else
        {
            _cpu.RequestExit();
        }
    }

    /// <summary>Asks it to stand still between two instructions; <see cref="WaitUntilParked"/> waits for that. One that has not begun to run stands still before its first.</summary>
    public void Pause()
    {
        lock (_parking)
        {
            _mustPark = true;
        }

        Wake();
    }

    /// <summary>Waits until it stands still after <see cref="Pause"/>, or has ended.</summary>
    public void WaitUntilParked()
    {
        lock (_parking)
        {
            while (!_isParked && _state != ProcessorState.Stopped)
            {
                Monitor.Wait(_parking);
            }
        }
    }

    /// <summary>Lets it go on.</summary>
    public void Resume()
    {
        lock (_parking)
        {
            _mustPark = false;
            Monitor.PulseAll(_parking);
        }
    }

    /// <summary>Ends its loop.</summary>
    public void Stop()
    {
        lock (_parking)
        {
            _mustStop = true;
            Monitor.PulseAll(_parking);
        }

        Wake();
    }

    /// <inheritdoc/>
    public void Dispose() => _signal.Dispose();

    private void Park()
    {
        if (_hasRun)
        {
            Settle();
        }

        lock (_parking)
        {
            _isParked = true;
            Monitor.PulseAll(_parking);
            while (_mustPark && !_mustStop)
            {
                Monitor.Wait(_parking);
            }

            _isParked = false;
        }

        // The guest's clock stood still, and its counter did not.
        _tsc.Renew();
        Apic.FollowTsc();
    }

    /// <summary>INIT, start-up and NMI ([SDM] 3A 9.4.4, 11.6.1).</summary>
    private void TakeEvents()
    {
        if (!Apic.HasEvents)
        {
            return;
        }

        if (Apic.TryTakeInit())
        {
            _cpu.GetSystemRegisters(out CpuSystemRegisters before);
            _cpu.SetSystemRegisters(CpuSystemRegisters.AfterReset(before.ApicBase));
            _cpu.SetRegisters(CpuRegisters.AfterReset());
            _state = ProcessorState.WaitingForStartUp;
        }

        if (Apic.TryTakeStartUp(out byte page) && _state == ProcessorState.WaitingForStartUp)
        {
            _cpu.GetSystemRegisters(out CpuSystemRegisters system);
            system.Cs = CpuSegment.Real((ushort)(page << 8), isCode: true);
            _cpu.SetSystemRegisters(system);
            _cpu.SetRegisters(CpuRegisters.AfterReset() with { Rip = 0 });
            _state = ProcessorState.Running;
        }

        // One that waits for its start-up has no handler: an NMI is lost on it.
        if (Apic.TryTakeNmi() && _state != ProcessorState.WaitingForStartUp)
        {
            _cpu.InjectNmi();
            _state = ProcessorState.Running;
        }
    }

    private bool TryResumeFromHalt()
    {
        if (_state != ProcessorState.Halted || !_cpu.CanInjectInterrupt || !Apic.HasInterrupt)
        {
            return false;
        }

        _state = ProcessorState.Running;
        return true;
    }

    /// <summary>Gives the guest the interrupt that is due, or asks to be told when it takes one.</summary>
    private void Prepare()
    {
        _cpu.TaskPriority = Apic.TaskPriorityClass;
        if (_cpu.CanInjectInterrupt && Apic.TryTakeInterrupt(out byte vector))
        {
            _cpu.InjectInterrupt(vector);
        }

        if (Apic.HasInterrupt)
        {
            _cpu.RequestInterruptWindow();
        }
    }

    private void Sleep()
    {
        Volatile.Write(ref _isSleeping, 1);

        // Pairs with the fence in Wake: whoever asked before this is seen now, and whoever asks later sees that we sleep.
        Interlocked.MemoryBarrier();
        if (!HasWork())
        {
            _signal.Wait();
        }

        Volatile.Write(ref _isSleeping, 0);
        _signal.Reset();
    }

    private bool HasWork() =>
        _mustStop || _mustPark || Apic.HasEvents || (_state == ProcessorState.Halted && _cpu.CanInjectInterrupt && Apic.HasInterrupt);

    private void Fail(string reason, bool isTripleFault = false)
    {
        _mustStop = true;
        _failed(new ProcessorFault(_cpu.Id, reason, isTripleFault));
    }
}
