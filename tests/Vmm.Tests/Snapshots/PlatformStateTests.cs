using Makatea.Platform;

namespace Makatea.Vmm.Tests.Snapshots;

/// <summary>Each device of the platform in a file, and out of it into a new one, which goes on as the first does.</summary>
public sealed class PlatformStateTests
{
    private readonly SteppedTime _time = new();
    private readonly RecordingLine _line = new();
    private readonly RecordingLine _otherLine = new();

    [Fact]
    public void A_serial_port_has_what_it_received_and_how_it_is_set()
    {
        SerialPort port = new(_line);
        port.Write(SerialRegister.LineControl, 1, 0x80);
        port.Write(SerialRegister.Data, 1, 3);
        port.Write(SerialRegister.LineControl, 1, 3);
        port.Write(SerialRegister.FifoControl, 1, 0x81);
        port.Write(SerialRegister.InterruptEnable, 1, 1);
        port.Write(SerialRegister.ModemControl, 1, 0xb);
        port.Write(SerialRegister.Scratch, 1, 0x5a);
        port.Receive("abcdefghi"u8);
        Assert.Equal('a', (char)port.Read(SerialRegister.Data, 1));
        SerialPort other = new SerialPort(_otherLine).With(port.Bytes());
        Assert.True(_otherLine.IsAsserted);
        Assert.Equal("bcdefghi", new string([.. Enumerable.Range(0, 8).Select(_ => (char)other.Read(SerialRegister.Data, 1))]));
        Assert.False(_otherLine.IsAsserted);
        Same(port, other, SerialRegister.InterruptEnable, SerialRegister.LineControl, SerialRegister.ModemControl, SerialRegister.ModemStatus, SerialRegister.Scratch);
        Assert.Equal(16, other.Receive(new byte[20]));
        Assert.True(SavedDevice.Damage(port.Bytes(), bytes => _ = new SerialPort(_line).Taking(bytes)) > 30);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void An_interval_timer_goes_on_counting_and_interrupting(int mode)
    {
        IntervalTimer timer = new(_line, _time.Queue);
        timer.Write(PitControl.Port, 1, (ulong)(0x30 | mode << 1));
        timer.Write(0, 1, 0x9c);
        timer.Write(0, 1, 0x2e);
        timer.Write(PitControl.Port, 1, 0xb0);
        timer.Write(2, 1, 0xff);
        timer.Write(2, 1, 0x7f);
        PortB portB = new(timer, _time.Clock);
        portB.Write(0, 1, 1);
        _time.Step(33_000_000);
        int before = _line.Delivered;
        Assert.Equal(3, before);

        IntervalTimer other = new IntervalTimer(_otherLine, _time.Queue).With(timer.Bytes());
        PortB otherB = new PortB(other, _time.Clock).With(portB.Bytes());
        Same(timer, other, 0, 2);
        Same(portB, otherB, 0);
        for (int i = 0; i < 50; i++)
        {
            _time.Step(7_000_000);
            Assert.Equal(_line.Delivered - before, _otherLine.Delivered);
            Same(timer, other, 0, 2, 0, 2);
            Same(portB, otherB, 0);
        }

        Assert.True(_otherLine.Delivered > 30);
        Assert.True(SavedDevice.Damage(timer.Bytes(), bytes => _ = new IntervalTimer(new RecordingLine(), _time.Queue).Taking(bytes)) > 100);
        _time.Step(GuestClock.Second); // What was taken of the damaged ones runs on.
    }

    [Fact]
    public void Interrupts_that_were_owed_are_still_owed()
    {
        IntervalTimer timer = new(_line, _time.Queue);
        timer.Write(PitControl.Port, 1, 0x34);
        timer.Write(0, 1, 0x9c);
        timer.Write(0, 1, 0x2e);
        _line.Outcome = InterruptDelivery.Merged;
        _time.Step(GuestClock.Second / 2);
        _ = new IntervalTimer(_otherLine, _time.Queue).With(timer.Bytes());
        _time.Step(4 * GuestClock.Second + (GuestClock.Second / 2));
        Assert.Equal((int)(5 * PitCounter.Frequency / 11_932), _otherLine.Delivered);
    }

    [Fact]
    public void A_clock_shows_the_time_that_the_guest_has_set_and_keeps_its_alarm()
    {
        RealTimeClock clock = new(_line, _time.Queue);
        Set(clock, RtcRegister.Year, 0x31);
        Set(clock, RtcRegister.SecondsAlarm, 0x03);
        Set(clock, RtcRegister.MinutesAlarm, 0xff);
        Set(clock, RtcRegister.HoursAlarm, 0xff);
        Set(clock, 0x40, 0x77);
        Set(clock, RtcRegister.B, RtcBits.Alarm | RtcBits.Is24Hours);
        _time.Step(3 * GuestClock.Second);
        RealTimeClock other = new RealTimeClock(_otherLine, _time.Queue).With(clock.Bytes());
        foreach (int register in (int[])[RtcRegister.Seconds, RtcRegister.Hours, RtcRegister.Year, RtcRegister.B, 0x40])
        {
            Assert.Equal(Get(clock, register), Get(other, register));
        }

        Assert.Equal(0x31, Get(other, RtcRegister.Year));
        Assert.False(_otherLine.IsAsserted);
        _time.Step(2 * GuestClock.Second);
        Assert.True(_line.IsAsserted);
        Assert.True(_otherLine.IsAsserted);
        Assert.True(SavedDevice.Damage(clock.Bytes(), bytes => _ = new RealTimeClock(new RecordingLine(), _time.Queue).Taking(bytes)) > 30);
        _time.Step(60 * GuestClock.Second);
    }

    [Fact]
    public void A_clock_s_periodic_interrupt_goes_on()
    {
        RealTimeClock clock = new(_line, _time.Queue);
        Set(clock, RtcRegister.A, 0x2a); // 64 Hz
        Set(clock, RtcRegister.B, RtcBits.Periodic | RtcBits.Is24Hours);
        _time.Step(10_000_000);
        RealTimeClock other = new RealTimeClock(_otherLine, _time.Queue).With(clock.Bytes());
        for (int i = 0; i < 20; i++)
        {
            _time.Step(15_625_000);
            Assert.Equal(Get(clock, RtcRegister.C), Get(other, RtcRegister.C));
        }

        Assert.Equal(20, _otherLine.Edges);
    }

    [Fact]
    public void Power_management_keeps_its_button_and_its_timer()
    {
        PowerManagement power = new(_line, _time.Queue, _ => { });
        power.Write(PowerRegister.Enable, 2, PowerBits.PowerButton | PowerBits.Timer);
        power.Write(PowerRegister.Control, 2, 0x1400);
        _time.Step(GuestClock.Second);
        Assert.True(power.PressButton());
        PowerManagement other = new PowerManagement(_otherLine, _time.Queue, _ => { }).With(power.Bytes());
        Assert.True(_otherLine.IsAsserted);
        Same(power, other, PowerRegister.Status, PowerRegister.Enable, PowerRegister.Control, PowerRegister.Timer);
        power.Write(PowerRegister.Status, 2, PowerBits.PowerButton);
        other.Write(PowerRegister.Status, 2, PowerBits.PowerButton);
        Assert.False(_otherLine.IsAsserted);
        _time.Step(700 * GuestClock.Second); // The timer's highest bit changes after 599.
        Assert.True(_line.IsAsserted);
        Assert.True(_otherLine.IsAsserted);
        Assert.Equal(2UL, new ResetControl(_ => { }).With([2, 0, 0, 0, 0, 0, 0, 0]).Read(0, 1));
        Assert.True(SavedDevice.Damage(power.Bytes(), bytes => _ = new PowerManagement(new RecordingLine(), _time.Queue, _ => { }).Taking(bytes)) > 10);
    }

    [Fact]
    public void An_io_apic_sends_nothing_twice_and_ends_what_was_under_way()
    {
        ApicBed bed = new();
        var first = new IoApic(bed.Bus, 1);
        InterruptLine level = first.Connect(9);
        InterruptLine edge = first.Connect(4);
        Program(first, 9, 0x8000 | 0x41);
        Program(first, 4, 0x52);
        level.Set(true);
        Assert.Equal([0x41], Taken(bed));
        edge.Set(true);
        Assert.Equal([0x52], Taken(bed));
        byte[] state = first.Bytes();

        // In the other machine lines are restored before their pins can send.
        ApicBed otherBed = new();
        var second = new IoApic(otherBed.Bus, 1);
        InterruptLine otherLevel = second.Connect(9);
        otherLevel.Set(true);
        second.Connect(4).Set(true);
        second.With(state);
        _ = otherBed.Apic.With(bed.Apic.Bytes());
        Assert.Empty(Taken(otherBed));

        // The level is still asserted at its end, and comes again; the edge does not.
        otherBed.Write(LocalApicRegister.EndOfInterrupt, 0);
        otherBed.Write(LocalApicRegister.EndOfInterrupt, 0);
        Assert.Equal([0x41], Taken(otherBed));
        otherLevel.Set(false);
        otherBed.Write(LocalApicRegister.EndOfInterrupt, 0);
        Assert.Empty(Taken(otherBed));
        Assert.True(SavedDevice.Damage(state, bytes => _ = new IoApic(new LocalApicBus(), 1).Taking(bytes)) > 2);
    }

    private static void Program(IoApic ioApic, int pin, uint entry)
    {
        ioApic.Write(IoApicRegister.Select, 4, (ulong)(IoApicRegister.Redirections + (2 * pin)));
        ioApic.Write(IoApicRegister.Window, 4, entry);
    }

    private static byte[] Taken(ApicBed bed)
    {
        List<byte> taken = [];
        while (bed.Apic.TryTakeInterrupt(out byte vector))
        {
            taken.Add(vector);
        }

        return [.. taken];
    }

    private static void Set(RealTimeClock clock, int register, int value)
    {
        clock.Write(0, 1, (ulong)register);
        clock.Write(1, 1, (ulong)value);
    }

    private static int Get(RealTimeClock clock, int register)
    {
        clock.Write(0, 1, (ulong)register);
        return (int)clock.Read(1, 1);
    }

    private static void Same(RegisterBus first, RegisterBus second, params int[] addresses)
    {
        foreach (int address in addresses)
        {
            Assert.Equal(first.Read((ulong)address, 1), second.Read((ulong)address, 1));
        }
    }
}
