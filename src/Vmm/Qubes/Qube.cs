using Makatea.Platform;
using Makatea.Vmm.Acpi;
using Makatea.Vmm.Boot;
using Makatea.Vmm.Policy;
using Makatea.Vmm.Virtio;

namespace Makatea.Vmm;

/// <summary>A virtual machine: processors, the platform's devices and what it boots from, put together. It runs once: after a reset the caller makes a new one.</summary>
public sealed class Qube : IDisposable
{
    private readonly VirtualMachine _machine;
    private readonly ComponentHost _host;
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

    /// <summary>Makes a qube that is ready to start.</summary>
    /// <param name="machine">An empty virtual machine, which is the qube's from here on.</param>
    /// <param name="host">Makes what its threads wait with.</param>
    /// <param name="options">What it is made of.</param>
    /// <exception cref="BootException">It cannot boot from this.</exception>
    /// <exception cref="IOException">The host refuses something.</exception>
    public Qube(VirtualMachine machine, ComponentHost host, QubeOptions options)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(options);
        _machine = machine;
        _host = host;
        foreach (GuestMemoryRegion region in options.Memory.Regions)
        {
            machine.Map(region);
        }

        _clock = new GuestClock(options.Time);
        _deadlines = new DeadlineQueue(_clock);
        Interrupts = new LocalApicBus();
        var ioApic = new IoApic(Interrupts, (byte)options.Processors);
        Devices.Add(IoApic.Page, IoApic.PageLength, ioApic);
        _devices = new PlatformDevices(Ports, Devices, options.Layout, ioApic, _deadlines, request => End(new QubeEnd(request == PowerRequest.Off ? QubeEndKind.PoweredOff : QubeEndKind.Reset)));

        bool isMmio = options.Transport == VirtioTransport.Mmio;
        _mmioDevices = new MmioDevices(isMmio ? options.Devices : [], Devices, ioApic, machine.AttachDoorbell, options.Report);
        foreach (VirtioFrontEnd device in isMmio ? [] : options.Devices)
        {
            _devices.Pci.Attach(_devices.Pci.FindFreeSlot(), new VirtioPciFunction(device, Interrupts, machine.AttachDoorbell, options.Report));
        }

        uint[] ids = [.. Enumerable.Range(0, options.Processors).Select(i => (uint)i)];
        _cpus = Array.ConvertAll(ids, machine.CreateCpu);
        Cpuid = new CpuidModel(machine.Info, new CpuTopology(options.Processors), _cpus[0].TscFrequency);
        var msrs = new MsrPolicy(machine.Info, Cpuid);
        machine.AllowMsrs([.. msrs.Direct]);
        _processors = Array.ConvertAll(_cpus, cpu => MakeProcessor(cpu, msrs, options));
        ulong root = AcpiTables.Write(options.Memory, new AcpiDescription
        {
            Layout = options.Layout,
            ApicIds = ids,
            IoApicId = (byte)options.Processors,
            HasSerialPort = true,
            HasClock = true,
            HasPci = true,
            VirtioDevices = _mmioDevices.Descriptions,
        });
        KernelLoader.Load(new BootRequest
        {
            Memory = options.Memory,
            Layout = options.Layout,
            Kernel = options.Kernel,
            Initramfs = options.Initramfs,
            CommandLine = options.CommandLine,
            RandomSeed = options.RandomSeed,
            RootPointer = root,
        }).ApplyTo(_cpus[0]);
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

        _clock.Pause();
    }

    /// <summary>Lets it go on.</summary>
    public void Resume()
    {
        _clock.Resume();
        foreach (Processor processor in _processors)
        {
            processor.Resume();
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
