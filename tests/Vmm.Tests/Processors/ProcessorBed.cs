using Makatea.Platform;
using Makatea.Vmm.Policy;
using Makatea.Vmm.Tests.Policy;

namespace Makatea.Vmm.Tests;

/// <summary>A processor whose guest is a script, on a thread of its own.</summary>
internal sealed class ProcessorBed : IDisposable
{
    private readonly LocalApicBus _interrupts = new();
    private readonly DeadlineQueue _deadlines = new(new GuestClock(TimeProvider.System));
    private readonly Thread _thread;

    public ProcessorBed(bool isBootstrap = true)
    {
        VirtualMachineInfo host = TestHosts.Intel();
        var cpuid = new CpuidModel(host, new CpuTopology(1), Cpu.TscFrequency);
        Ports.Add(0x80, 8, Device);
        Devices.Add(0xd000_0000, 0x1000, Device);
        Processor = new Processor(
            Cpu,
            new ProcessorOptions
            {
                Memory = GuestMemory.Empty,
                Ports = Ports,
                Devices = Devices,
                Interrupts = _interrupts,
                Deadlines = _deadlines,
                TscFrequency = Cpu.TscFrequency,
                Msrs = new MsrPolicy(host, cpuid),
            },
            isBootstrap,
            fault => Fault = fault);

        // Software enables the APIC before it takes any vector.
        Processor.Apic.Write(LocalApicRegister.SpuriousVector, 4, 0x1ff);
        _thread = new Thread(Processor.Run) { IsBackground = true };
    }

    public ModelCpu Cpu { get; } = new();

    public Processor Processor { get; }

    public DeviceBus Ports { get; } = new();

    public DeviceBus Devices { get; } = new();

    public RecordingBus Device { get; } = new();

    public ProcessorFault? Fault { get; private set; }

    /// <summary>Lets the guest run.</summary>
    public void Start() => _thread.Start();

    /// <summary>Runs the guest to the end of its script, which stops the processor.</summary>
    public void Run(params VmExit[] exits)
    {
        int next = 0;
        Cpu.Script = () =>
        {
            if (next == exits.Length)
            {
                Processor.Stop();
                return null;
            }

            return exits[next++];
        };
        _thread.Start();
        Join();
    }

    /// <summary>Waits for something that the processor's thread does.</summary>
    public static void Until(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)));

    public void Dispose()
    {
        Processor.Stop();
        if (_thread.IsAlive)
        {
            Join();
        }

        Processor.Dispose();
        _deadlines.Dispose();
    }

    private void Join() => Assert.True(_thread.Join(TimeSpan.FromSeconds(30)));
}
