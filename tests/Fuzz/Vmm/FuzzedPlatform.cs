using Makatea.Vmm;

namespace Makatea.Fuzz.Vmm;

/// <summary>The devices of a guest, as they are after power-up.</summary>
internal sealed class FuzzedPlatform : IDisposable
{
    public const int Processors = 3;
    public const ulong TscFrequency = 2_000_000_000;

    /// <summary>Makes them.</summary>
    public FuzzedPlatform()
    {
        GuestClock clock = new(Time);
        Deadlines = new(clock);
        IoApic ioApic = new(Messages, Processors);
        Lines = [.. Enumerable.Range(0, IoApic.PinCount).Select(ioApic.Connect)];
        IntervalTimer timer = new(ioApic.Connect(PlatformPins.Pit), Deadlines);
        Serial = new(ioApic.Connect(PlatformPins.Serial));
        Power = new(ioApic.Connect(PlatformPins.Power), Deadlines, Asked);
        Ports.Add(PlatformPorts.Pit, PlatformPorts.PitLength, timer);
        Ports.Add(PlatformPorts.PortB, 1, new PortB(timer, clock));
        Ports.Add(PlatformPorts.KeyboardCommand, 1, new KeyboardController(Asked));
        Ports.Add(PlatformPorts.Rtc, PlatformPorts.RtcLength, new RealTimeClock(ioApic.Connect(PlatformPins.Rtc), Deadlines));
        Ports.Add(PlatformPorts.Serial, PlatformPorts.SerialLength, Serial);
        Ports.Add(PlatformPorts.Power, PlatformPorts.PowerLength, Power);
        Ports.Add(PlatformPorts.Reset, 1, new ResetControl(Asked));
        Memory.Add(IoApic.Page, IoApic.PageLength, ioApic);
        Apics = [.. Enumerable.Range(0, Processors).Select(i => new LocalApic(Messages, (uint)i, i == 0, Deadlines, new(clock, TscFrequency, () => (ulong)clock.Now * 2), Woken))];
    }

    public SteppedTime Time { get; } = new();

    public DeadlineQueue Deadlines { get; }

    public DeviceBus Ports { get; } = new();

    public DeviceBus Memory { get; } = new();

    public LocalApicBus Messages { get; } = new();

    public LocalApic[] Apics { get; }

    public InterruptLine[] Lines { get; }

    public SerialPort Serial { get; }

    public PowerManagement Power { get; }

    /// <summary>How often the guest asked to be off or reset.</summary>
    public long Requests { get; private set; }

    /// <summary>How often a vCPU was woken.</summary>
    public long Wakes => Interlocked.Read(ref _wakes);

    private long _wakes;

    public void Dispose() => Deadlines.Dispose();

    private void Asked(PowerRequest request) => Requests++;

    private void Woken() => Interlocked.Increment(ref _wakes);
}
