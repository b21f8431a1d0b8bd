using Makatea.Vmm.Acpi;

namespace Makatea.Vmm.Tests;

/// <summary>[ACPI-6.5] 4.8, and the other ways to reset.</summary>
public sealed class PowerTests
{
    private readonly SteppedTime _time = new();
    private readonly RecordingLine _line = new();
    private readonly List<PowerRequest> _asked = [];
    private readonly PowerManagement _power;

    public PowerTests() => _power = new(_line, _time.Queue, _asked.Add);

    [Fact]
    public void S4_8_3_3_The_timer_counts_at_3579545_Hz_in_32_bits()
    {
        ulong before = _power.Read(8, 4);
        _time.Jump(100 * GuestClock.Second);
        Assert.Equal((357_954_500 + before) & 0xffff_ffff, _power.Read(8, 4));
        Assert.Equal(_power.Read(8, 4) >> 8 & 0xff, _power.Read(9, 1));
        _time.Jump(2000 * GuestClock.Second);
        Assert.InRange(_power.Read(8, 4), 0ul, 0xffff_fffful);
        _power.Write(8, 4, 0);
        Assert.NotEqual(0ul, _power.Read(8, 4));
    }

    [Fact]
    public void S4_8_3_1_1_The_timers_status_is_set_when_its_highest_bit_changes()
    {
        Assert.Equal(0ul, _power.Read(0, 2));
        _power.Write(2, 2, 1);
        _time.Step(600 * GuestClock.Second);
        Assert.True(_line.IsAsserted);
        Assert.Equal(1ul, _power.Read(0, 2));
        _power.Write(0, 2, 1);
        Assert.False(_line.IsAsserted);
        _time.Step(600 * GuestClock.Second);
        Assert.True(_line.IsAsserted);
        _power.Write(2, 2, 0);
        Assert.False(_line.IsAsserted);
    }

    [Fact]
    public void S4_8_3_1_1_Statuses_are_cleared_by_writing_ones()
    {
        _power.PressButton();
        _power.Write(0, 2, 0xfeff);
        Assert.Equal(0x100ul, _power.Read(0, 2));
        _power.Write(1, 1, 1);
        Assert.Equal(0ul, _power.Read(0, 2));
    }

    [Fact]
    public void S4_8_2_2_1_The_power_button_interrupts_a_guest_that_listens()
    {
        Assert.False(_power.PressButton());
        Assert.False(_line.IsAsserted);
        _power.Write(2, 2, 0x100);
        Assert.True(_line.IsAsserted);
        Assert.Equal(0x0100_0100ul, _power.Read(0, 4));
        _power.Write(0, 2, 0x100);
        Assert.False(_line.IsAsserted);
        Assert.True(_power.PressButton());
        Assert.True(_line.IsAsserted);
    }

    [Fact]
    public void S4_8_3_2_1_It_is_in_ACPI_mode_always()
    {
        Assert.Equal(1ul, _power.Read(4, 2));
        _power.Write(4, 2, 0);
        Assert.Equal(1ul, _power.Read(4, 2));
        _power.Write(4, 2, 0xdfff);
        Assert.Equal(0x1c03ul, _power.Read(4, 2));
    }

    [Fact]
    public void S4_8_3_2_1_S5_is_off_and_other_states_are_nothing()
    {
        for (uint type = 0; type < 8; type++)
        {
            _power.Write(4, 2, type << 10);
            Assert.Empty(_asked);
            if (type != PowerRegister.SoftOff)
            {
                _power.Write(4, 2, (type << 10) | (1 << 13));
                Assert.Empty(_asked);
            }
        }

        _power.Write(4, 2, (PowerRegister.SoftOff << 10) | (1 << 13));
        Assert.Equal([PowerRequest.Off], _asked);
        Assert.Equal(0ul, _power.Read(4, 2) & (1 << 13));
        _power.Write(5, 1, (PowerRegister.SoftOff << 2) | (1 << 5));
        Assert.Equal(2, _asked.Count);
    }

    [Fact]
    public void ICH9_13_7_5_Reset_control()
    {
        ResetControl reset = new(_asked.Add);
        reset.Write(0, 1, 2);
        reset.Write(0, 4, 6);
        Assert.Empty(_asked);
        Assert.Equal(2ul, reset.Read(0, 1));
        reset.Write(0, 1, ResetControl.ResetValue);
        Assert.Equal([PowerRequest.Reset], _asked);
        Assert.Equal(0xfffful, reset.Read(0, 2));
    }

    [Fact]
    public void A_keyboard_controllers_reset()
    {
        KeyboardController keyboard = new(_asked.Add);
        Assert.Equal(0ul, keyboard.Read(0, 1)); // not busy, nothing to read
        keyboard.Write(0, 1, 0xaa);
        keyboard.Write(0, 2, KeyboardController.PulseReset);
        Assert.Empty(_asked);
        keyboard.Write(0, 1, KeyboardController.PulseReset);
        Assert.Equal([PowerRequest.Reset], _asked);
    }

    [Fact]
    public void The_ports_are_those_that_the_tables_name()
    {
        AcpiPower tables = new();
        Assert.Equal(PlatformPorts.Power + PowerRegister.Status, tables.EventBlock);
        Assert.Equal(PlatformPorts.Power + PowerRegister.Control, tables.ControlBlock);
        Assert.Equal(PlatformPorts.Power + PowerRegister.Timer, tables.Timer);
        Assert.Equal(PlatformPorts.Reset, tables.Reset);
        Assert.Equal(ResetControl.ResetValue, tables.ResetValue);
        Assert.Equal(PowerRegister.SoftOff, tables.SoftOff);
        Assert.Equal(PlatformPins.Power, tables.InterruptPin);
    }
}
