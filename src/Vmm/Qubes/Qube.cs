using Makatea.Platform;
using Makatea.Vmm.Acpi;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Policy;
using Makatea.Vmm.Snapshots;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm;

/// <summary>A virtual machine: processors, the platform's devices and what it boots from, put together. It runs once: after a reset the caller makes a new one.</summary>
public sealed partial class Qube : IDisposable
{
    private readonly VirtualMachine _machine;
    private readonly ComponentHost _host;
    private readonly QubeOptions _options;
    private readonly IoApic _ioApic;
    private readonly GuestClock _clock;
    private readonly DeadlineQueue _deadlines;
    private readonly PlatformDevices _devices;
    private readonly MmioDevices _mmioDevices;
    private readonly Processor[] _processors;
    private readonly VirtualCpu[] _cpus;
    private readonly Thread[] _threads;
    private readonly ManualResetEventSlim _ended = new(false, 0);
    private QubeEnd? _end;
    private bool _isStarted;
    private bool _isPaused;
    private ulong? _hostClock;
    private IReadOnlyList<ulong> _tscs = [];

    /// <summary>Makes a qube that is ready to start.</summary>
    /// <param name="machine">An empty virtual machine, which is the qube's from here on.</param>
    /// <param name="host">Makes what its threads wait with.</param>
    /// <param name="options">What it is made of.</param>
    /// <exception cref="BootException">It cannot boot from this.</exception>
    /// <exception cref="InvalidDataException">The snapshot is damaged, or of another machine.</exception>
    /// <exception cref="VirtioFrontEndException">A device cannot go on from the snapshot.</exception>
    /// <exception cref="IOException">The host refuses something.</exception>
    public Qube(VirtualMachine machine, ComponentHost host, QubeOptions options)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(options);
        _machine = machine;
        _host = host;
        _options = options;
        MachineState? saved = options.Snapshot?.Machine;
        Check(saved, options);
        foreach (GuestMemoryRegion region in options.Memory.Regions)
        {
            machine.Map(region);
        }

        _clock = new GuestClock(options.Time, saved?.Time ?? 0);
        _deadlines = new DeadlineQueue(_clock);
        Interrupts = new LocalApicBus();
        _ioApic = new IoApic(Interrupts, (byte)options.Processors);
        Devices.Add(IoApic.Page, IoApic.PageLength, _ioApic);
        _devices = new PlatformDevices(
            Ports, Devices, options.Layout, _ioApic, _deadlines, request => End(new QubeEnd(request == PowerRequest.Off ? QubeEndKind.PoweredOff : QubeEndKind.Reset)), OnEjected);

        bool isMmio = options.Transport == VirtioTransport.Mmio;
        _mmioDevices = new MmioDevices(isMmio ? options.Devices : [], Devices, _ioApic, machine.AttachDoorbell, options.Report);
        for (int i = 0; !isMmio && i < options.Devices.Count; i++)
        {
            _devices.Pci.Attach(saved?.Slots[i] ?? _devices.Pci.FindFreeSlot(), new VirtioPciFunction(options.Devices[i], Interrupts, machine.AttachDoorbell, options.Report));
        }

        uint[] ids = [.. Enumerable.Range(0, options.Processors).Select(i => (uint)i)];
        _cpus = Array.ConvertAll(ids, machine.CreateCpu);
        Array.ForEach(_cpus, cpu => SetTscFrequency(cpu, saved));
        Cpuid = new CpuidModel(machine.Info, new CpuTopology(options.Processors), saved?.TscFrequency ?? _cpus[0].TscFrequency);
        saved?.CheckCpuid(Cpuid.For(0));
        var msrs = new MsrPolicy(machine.Info, Cpuid);
        machine.AllowMsrs([.. msrs.Direct]);
        _processors = Array.ConvertAll(_cpus, cpu => MakeProcessor(cpu, msrs, options));
        if (options.Snapshot is { } snapshot)
        {
            Restore(snapshot);
        }
        else
        {
            Boot(ids);
        }

        _threads = Array.ConvertAll(_processors, processor => new Thread(processor.Run) { IsBackground = true, Name = $"vcpu {processor.Apic.Id}" });
    }

    /// <summary>Who answers at I/O ports.</summary>
    public DeviceBus Ports { get; } = new();

    /// <summary>Who answers where the guest has no memory.</summary>
    public DeviceBus Devices { get; } = new();

    /// <summary>Where devices' messages go.</summary>
    public LocalApicBus Interrupts { get; }

    /// <summary>The serial console.</summary>
    public SerialPort Console => _devices.Serial;

    /// <summary>What its processors are to the guest.</summary>
    public CpuidModel Cpuid { get; }

    /// <summary>What its time stamp counter counts in a second.</summary>
    public ulong TscFrequency => _cpus[0].TscFrequency;

    /// <summary>Its processors.</summary>
    public IReadOnlyList<Processor> Processors => _processors;

    /// <summary>Lets it run; where <see cref="Pause"/> came before, as soon as <see cref="Resume"/> does.</summary>
    public void Start()
    {
        _isStarted = true;
        _deadlines.Start(_host);
        if (!_isPaused)
        {
            ResumeClocks();
        }

        foreach (Thread thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>Stands it still: its processors, and its clock. Not at the same time as <see cref="Start"/> or <see cref="Resume"/>.</summary>
    public void Pause()
    {
        foreach (Processor processor in _processors)
        {
            processor.Pause();
        }

        foreach (Processor processor in _isStarted ? _processors : [])
        {
            processor.WaitUntilParked();
        }

        _isPaused = true;
        if (!_clock.IsPaused)
        {
            _clock.Pause();
            _hostClock = _machine.Clock;
            _tscs = ReadTscs();
        }
    }

    /// <summary>Lets it go on.</summary>
    public void Resume()
    {
        _isPaused = false;
        ResumeClocks();
        foreach (Processor processor in _processors)
        {
            processor.Resume();
        }
    }

    /// <summary>For the guest no time has passed: all that it can measure it by goes on from where it was, or it would find one clock apart from another.</summary>
    private void ResumeClocks()
    {
        if (_clock.IsPaused)
        {
            for (int i = 0; i < _cpus.Length; i++)
            {
                _cpus[i].Tsc = _tscs[i];
            }

            _machine.Clock = _hostClock;
            _clock.Resume();
        }
    }

    /// <summary>Presses its power button, by which a guest shuts itself down.</summary>
    /// <returns>False where it does not listen: ACPI is not on, or it has not enabled the button.</returns>
    public bool PressPowerButton() => _devices.Power.PressButton();

    /// <summary>Ends it as a reset that it asked for would.</summary>
    public void Reset() => End(new QubeEnd(QubeEndKind.Reset));

    /// <summary>Ends it at once.</summary>
    public void Kill() => End(new QubeEnd(QubeEndKind.Killed));

    /// <summary>Waits for its end; its processors have stopped then.</summary>
    public QubeEnd Wait()
    {
        _ended.Wait();
        foreach (Processor processor in _processors)
        {
            processor.Stop();
        }

        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        // Devices let go of the guest's rings.
        _devices.Pci.Reset();
        _mmioDevices.Reset();
        return _end!;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_threads.Any(t => t.IsAlive))
        {
            Kill();
            Wait();
        }

        _deadlines.Dispose();
        _mmioDevices.Dispose();
        for (int i = 0; i < _processors.Length; i++)
        {
            _processors[i].Dispose();
            _cpus[i].Dispose();
        }

        _machine.Dispose();
        _ended.Dispose();
    }

    private void Boot(uint[] ids)
    {
        ulong root = AcpiTables.Write(_options.Memory, new AcpiDescription
        {
            Layout = _options.Layout,
            ApicIds = ids,
            IoApicId = (byte)_options.Processors,
            HasSerialPort = true,
            HasClock = true,
            HasPci = true,
            HotPlug = new AcpiHotPlug(PlatformPorts.HotPlug, PlatformPins.HotPlug),
            VirtioDevices = _mmioDevices.Descriptions,
        });
        KernelLoader.Load(new BootRequest
        {
            Memory = _options.Memory,
            Layout = _options.Layout,
            Kernel = _options.Kernel ?? throw new BootException("there is no kernel to boot, and no snapshot to go on from"),
            Initramfs = _options.Initramfs,
            CommandLine = _options.CommandLine,
            RandomSeed = _options.RandomSeed,
            RootPointer = root,
        }).ApplyTo(_cpus[0]);
    }

    private Processor MakeProcessor(VirtualCpu cpu, MsrPolicy msrs, QubeOptions options)
    {
        cpu.SetCpuid(Cpuid.For(cpu.Id));
        return new Processor(
            cpu,
            new ProcessorOptions
            {
                Memory = options.Memory,
                Ports = Ports,
                Devices = Devices,
                Interrupts = Interrupts,
                Deadlines = _deadlines,
                TscFrequency = cpu.TscFrequency,
                Msrs = msrs,
            },
            isBootstrap: cpu.Id == 0,
            fault => End(fault.IsTripleFault ? new QubeEnd(QubeEndKind.Reset, fault.ToString()) : new QubeEnd(QubeEndKind.Failed, fault.ToString())));
    }

    /// <summary>The first end counts.</summary>
    private void End(QubeEnd end)
    {
        if (Interlocked.CompareExchange(ref _end, end, null) is null)
        {
            _ended.Set();
        }
    }
}
