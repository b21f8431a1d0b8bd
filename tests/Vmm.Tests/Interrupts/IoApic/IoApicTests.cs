namespace Makatea.Vmm.Tests;

/// <summary>[82093AA].</summary>
public sealed class IoApicTests
{
    private const ulong Level = 1 << 15;
    private const ulong Masked = 1 << 16;
    private const ulong RemoteIrr = 1 << 14;

    private readonly ApicBed _bed = new(2);
    private readonly IoApic _ioApic;

    public IoApicTests() => _ioApic = new(_bed.Bus, 2);

    [Fact]
    public void S3_2_Registers_after_reset()
    {
        Assert.Equal(0x0200_0000u, Read(0));
        Assert.Equal(0x0017_0020u, Read(1));
        Assert.Equal(0x0200_0000u, Read(2));
        for (int pin = 0; pin < 24; pin++)
        {
            Assert.Equal(Masked, Entry(pin));
        }

        Assert.Equal(uint.MaxValue, Read(0x40));
        Assert.Equal(uint.MaxValue, Read(3));
    }

    [Fact]
    public void S3_2_4_Only_what_is_writable_is_written()
    {
        SetEntry(3, ulong.MaxValue);
        Assert.Equal(0xff00_0000_0001_afff, Entry(3));
        Write(0, uint.MaxValue);
        Assert.Equal(0x0f00_0000u, Read(0));
        Write(1, 0);
        Assert.Equal(0x0017_0020u, Read(1));
    }

    [Fact]
    public void S3_2_4_An_edge_is_sent_once()
    {
        InterruptLine line = _ioApic.Connect(4);
        SetEntry(4, 0x0100_0000_0000_0034);
        line.Set(true);
        Assert.Equal([1], _bed.Takers(0x34));
        line.Set(true);
        Assert.Empty(_bed.Takers(0x34));
        line.Set(false);
        line.Pulse();
        Assert.Equal([1], _bed.Takers(0x34));
        Assert.Equal(0ul, Entry(4) & RemoteIrr);
    }

    [Fact]
    public void S3_2_4_An_edge_at_a_masked_pin_is_lost()
    {
        InterruptLine line = _ioApic.Connect(4);
        SetEntry(4, Masked | 0x34);
        Assert.Equal(InterruptDelivery.Refused, line.Pulse());
        SetEntry(4, 0x34);
        Assert.Empty(_bed.Takers(0x34));
        Assert.Equal(InterruptDelivery.Delivered, line.Pulse());
        Assert.Equal(InterruptDelivery.Merged, line.Pulse());
        Assert.Equal([0], _bed.Takers(0x34));
    }

    [Fact]
    public void S3_2_4_A_level_is_sent_again_at_its_end_while_it_is_asserted()
    {
        InterruptLine line = _ioApic.Connect(9);
        SetEntry(9, Level | 0x39);
        line.Set(true);
        Assert.True(_bed.Apic.TryTakeInterrupt(out byte vector));
        Assert.Equal(0x39, vector);
        Assert.Equal(RemoteIrr, Entry(9) & RemoteIrr);
        Assert.False(_bed.Apic.HasInterrupt);
        _bed.Write(LocalApicRegister.EndOfInterrupt, 0);
        Assert.True(_bed.Apic.TryTakeInterrupt(out _));
        line.Set(false);
        _bed.Write(LocalApicRegister.EndOfInterrupt, 0);
        Assert.Equal(0ul, Entry(9) & RemoteIrr);
        Assert.False(_bed.Apic.HasInterrupt);
    }

    [Fact]
    public void A_level_at_a_masked_pin_is_sent_when_unmasked()
    {
        SetEntry(9, Level | Masked | 0x39);
        _ioApic.Connect(9).Set(true);
        Assert.Null(_bed.Take());
        SetEntry(9, Level | 0x39);
        Assert.True(_bed.Apic.HasInterrupt);
    }

    [Fact]
    public void Lines_that_share_a_pin_assert_it_together()
    {
        InterruptLine one = _ioApic.Connect(9);
        InterruptLine other = _ioApic.Connect(9);
        SetEntry(9, Level | 0x39);
        one.Set(true);
        other.Set(true);
        one.Set(false);
        Assert.Equal((byte)0x39, _bed.Take());
        Assert.Equal((byte)0x39, _bed.Take()); // still asserted
        other.Set(false);
        _bed.Take();
        Assert.Null(_bed.Take());
    }

    [Fact]
    public void ICH9_13_5_6_The_EOI_register_ends_a_level_where_local_apics_do_not_tell()
    {
        _bed.Write(LocalApicRegister.SpuriousVector, ApicBed.Enabled | (1 << 12));
        _ioApic.Connect(9).Set(true);
        SetEntry(9, Level | 0x39);
        Assert.Equal((byte)0x39, _bed.Take());
        Assert.Null(_bed.Take());
        _ioApic.Write(0x40, 4, 0x38);
        Assert.Null(_bed.Take());
        _ioApic.Write(0x40, 4, 0x39);
        Assert.Equal((byte)0x39, _bed.Take());
    }

    [Fact]
    public void Going_to_edge_and_back_ends_a_level()
    {
        SetEntry(9, Level | 0x39);
        _ioApic.Connect(9).Set(true);
        Assert.Equal(RemoteIrr, Entry(9) & RemoteIrr);
        Write(0x10 + 18, (uint)(Masked | 0x39));
        Assert.Equal(0ul, Entry(9) & RemoteIrr);
    }

    [Fact]
    public void A_level_that_nobody_takes_is_not_under_way()
    {
        SetEntry(9, 0x0700_0000_0000_0000 | Level | 0x39);
        _ioApic.Connect(9).Set(true);
        Assert.Equal(0ul, Entry(9) & RemoteIrr);
        SetEntry(9, Level | 0x39);
        Assert.Equal((byte)0x39, _bed.Take());
    }

    [Theory]
    [InlineData(4, true)] // NMI
    [InlineData(5, true)] // INIT
    [InlineData(2, false)]
    [InlineData(6, false)]
    [InlineData(7, false)]
    public void S3_2_4_Delivery_modes(uint mode, bool isEvent)
    {
        SetEntry(1, (mode << 8) | 0x31);
        _ioApic.Connect(1).Pulse();
        Assert.Equal(isEvent, _bed.Apic.HasEvents);
        Assert.False(_bed.Apic.HasInterrupt);
    }

    [Theory]
    [InlineData(0ul, 1)]
    [InlineData(0ul, 2)]
    [InlineData(0x10ul, 8)]
    [InlineData(0x10ul, 1)]
    [InlineData(0x12ul, 4)]
    [InlineData(0x20ul, 4)]
    [InlineData(0xffcul, 4)]
    public void Other_accesses_read_as_all_ones_and_write_nothing(ulong address, int width)
    {
        Write(0, 0x0300_0000);
        Assert.Equal(RegisterWidth.Mask(width), _ioApic.Read(address, width));
        if (address != 0)
        {
            _ioApic.Write(address, width, 0);
        }

        Assert.Equal(0x0300_0000u, Read(0));
    }

    [Fact]
    public void There_are_24_pins()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _ioApic.Connect(24));
        Assert.Throws<ArgumentOutOfRangeException>(() => _ioApic.Connect(-1));
    }

    private uint Read(byte register)
    {
        _ioApic.Write(0, 4, register);
        return (uint)_ioApic.Read(0x10, 4);
    }

    private void Write(int register, uint value)
    {
        _ioApic.Write(0, 4, (ulong)register);
        _ioApic.Write(0x10, 4, value);
    }

    private ulong Entry(int pin) => Read((byte)(0x10 + (2 * pin))) | ((ulong)Read((byte)(0x11 + (2 * pin))) << 32);

    private void SetEntry(int pin, ulong entry)
    {
        Write(0x11 + (2 * pin), (uint)(entry >> 32));
        Write(0x10 + (2 * pin), (uint)entry);
    }
}
