namespace Makatea.Vmm.Tests;

/// <summary>[SDM] volume 3, 11.4 and table 11-1.</summary>
public sealed class RegisterTests
{
    private readonly ApicBed _bed = new(2, enable: false);

    [Fact]
    public void S11_4_7_1_After_reset()
    {
        Assert.Equal(1u << 24, _bed.Read(LocalApicRegister.Id, 1));
        Assert.Equal(0x0105_0014u, _bed.Read(LocalApicRegister.Version));
        Assert.Equal(0xffu, _bed.Read(LocalApicRegister.SpuriousVector));
        Assert.Equal(uint.MaxValue, _bed.Read(LocalApicRegister.DestinationFormat));
        for (uint register = LocalApicRegister.LocalVectors; register <= LocalApicRegister.ErrorVector; register += 16)
        {
            Assert.Equal(0x1_0000u, _bed.Read(register));
        }

        foreach (uint register in (uint[])[0x80, 0xa0, 0xd0, 0x280, 0x300, 0x310, 0x380, 0x390, 0x3e0])
        {
            Assert.Equal(0u, _bed.Read(register));
        }

        Assert.True(_bed.Apics[0].TryReadMsr(LocalApicMsr.Base, out ulong value));
        Assert.Equal(0xfee0_0900ul, value);
        Assert.True(_bed.Apics[1].TryReadMsr(LocalApicMsr.Base, out value));
        Assert.Equal(0xfee0_0800ul, value);
    }

    [Theory]
    [InlineData(0x020u, 0u)]
    [InlineData(0x030u, 0x0105_0014u)]
    [InlineData(0x080u, 0xffu)]
    [InlineData(0x0d0u, 0xff00_0000u)]
    [InlineData(0x0e0u, 0xffff_ffffu)]
    [InlineData(0x0f0u, 0x11ffu)]
    [InlineData(0x100u, 0u)]
    [InlineData(0x270u, 0u)]
    [InlineData(0x310u, 0xff00_0000u)]
    [InlineData(0x320u, 0x0007_00ffu)]
    [InlineData(0x330u, 0x0001_07ffu)]
    [InlineData(0x340u, 0x0001_07ffu)]
    [InlineData(0x350u, 0x0001_a7ffu)]
    [InlineData(0x360u, 0x0001_a7ffu)]
    [InlineData(0x370u, 0x0001_00ffu)]
    [InlineData(0x3e0u, 0xbu)]
    public void Only_what_is_writable_is_written(uint register, uint expected)
    {
        _bed.Write(LocalApicRegister.SpuriousVector, ApicBed.Enabled);
        _bed.Write(register, uint.MaxValue);
        Assert.Equal(expected, _bed.Read(register));
    }

    [Fact]
    public void S11_4_7_2_Local_vectors_cannot_be_unmasked_while_software_has_the_apic_off()
    {
        _bed.Write(LocalApicRegister.TimerVector, 0x40);
        Assert.Equal(0x1_0040u, _bed.Read(LocalApicRegister.TimerVector));
        _bed.Write(LocalApicRegister.SpuriousVector, ApicBed.Enabled);
        _bed.Write(LocalApicRegister.TimerVector, 0x40);
        Assert.Equal(0x40u, _bed.Read(LocalApicRegister.TimerVector));
        _bed.Write(LocalApicRegister.SpuriousVector, 0xff);
        Assert.Equal(0x1_0040u, _bed.Read(LocalApicRegister.TimerVector));
    }

    [Fact]
    public void S11_5_3_Errors_show_when_the_register_is_written_and_interrupt_once()
    {
        _bed.Write(LocalApicRegister.SpuriousVector, ApicBed.Enabled);
        _bed.Write(LocalApicRegister.ErrorVector, 0xfe);
        _ = _bed.Read(0x3f0);
        _bed.Write(LocalApicRegister.Command, 0x0f); // a vector that cannot be sent
        _bed.Apic.Post(3, false);
        Assert.Equal(0u, _bed.Read(LocalApicRegister.ErrorStatus));
        Assert.Equal((byte)0xfe, _bed.Take());
        _bed.Write(LocalApicRegister.ErrorStatus, 0);
        Assert.Equal(0xe0u, _bed.Read(LocalApicRegister.ErrorStatus));
        _bed.Write(LocalApicRegister.ErrorStatus, 0);
        Assert.Equal(0u, _bed.Read(LocalApicRegister.ErrorStatus));
        Assert.Null(_bed.Take());
    }

    [Fact]
    public void An_error_vector_that_is_an_error_itself_ends_there()
    {
        _bed.Write(LocalApicRegister.SpuriousVector, ApicBed.Enabled);
        _bed.Write(LocalApicRegister.ErrorVector, 0x0f);
        _bed.Apic.Post(1, false);
        _bed.Write(LocalApicRegister.ErrorStatus, 0);
        Assert.Equal(0x40u, _bed.Read(LocalApicRegister.ErrorStatus));
        Assert.Null(_bed.Take());
    }

    [Theory]
    [InlineData(0x20u, 8)]
    [InlineData(0x24u, 4)]
    [InlineData(0x22u, 4)]
    [InlineData(0x2fu, 1)]
    [InlineData(0xfffu, 8)]
    public void What_reaches_beyond_a_register_reads_as_0_and_writes_nothing(uint address, int width)
    {
        Assert.Equal(0ul, _bed.Apics[1].Read(address, width));
        _bed.Apics[1].Write(address, width, ulong.MaxValue);
        Assert.Equal(1ul, _bed.Apics[1].Read(0x23, 1)); // a part of one can be read
    }

    [Fact]
    public void S11_12_1_Modes_change_as_the_figure_allows()
    {
        const ulong Off = 0xfee0_0100;
        const ulong On = Off | LocalApicMsr.BaseIsEnabled;
        const ulong Extended = On | LocalApicMsr.BaseIsExtended;
        LocalApic apic = _bed.Apic;
        (ulong To, bool Allowed)[] steps =
        [
            (On, true), (Off | LocalApicMsr.BaseIsExtended, false), (Off, true), (Extended, false), (On, true), (Extended, true), (On, false),
            (Extended, true), (Extended & ~0x100ul, false), (Extended + 0x1000, false), (Extended | 1, false), (Extended | 1ul << 63, false), (Off, true), (On, true),
        ];
        foreach ((ulong to, bool allowed) in steps)
        {
            Assert.Equal(allowed, apic.TryWriteMsr(LocalApicMsr.Base, to));
        }

        Assert.True(apic.IsEnabled);
        Assert.False(apic.IsExtended);
    }

    [Fact]
    public void Switching_it_off_resets_it()
    {
        _bed.Write(LocalApicRegister.SpuriousVector, ApicBed.Enabled);
        _bed.Apic.Post(0x40, false);
        Assert.True(_bed.Apic.TryWriteMsr(LocalApicMsr.Base, 0xfee0_0100));
        Assert.Equal(InterruptDelivery.Refused, _bed.Apic.Post(0x41, false));
        Assert.Equal(InterruptDelivery.Refused, _bed.Bus.Deliver(new(0, false, DeliveryMode.Fixed, 0x42, false)));
        Assert.True(_bed.Apic.TryWriteMsr(LocalApicMsr.Base, 0xfee0_0900));
        Assert.Equal(0xffu, _bed.Read(LocalApicRegister.SpuriousVector));
        Assert.Null(_bed.Take());
    }
}
