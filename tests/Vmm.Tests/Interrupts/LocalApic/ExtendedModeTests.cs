namespace Makatea.Vmm.Tests;

/// <summary>x2APIC: [SDM] volume 3, 11.12.</summary>
public sealed class ExtendedModeTests
{
    private readonly ApicBed _bed = new(20);

    public ExtendedModeTests()
    {
        for (int i = 0; i < 20; i++)
        {
            _bed.Extend(i);
        }
    }

    [Fact]
    public void S11_12_1_2_There_are_no_registers_for_MSRs_in_xAPIC_mode()
    {
        ApicBed bed = new();
        for (uint msr = LocalApicMsr.FirstExtended; msr <= LocalApicMsr.LastExtended; msr++)
        {
            Assert.False(bed.Apic.TryReadMsr(msr, out _));
            Assert.False(bed.Apic.TryWriteMsr(msr, 0));
        }

        Assert.False(bed.Apic.TryReadMsr(0x7ff, out _));
    }

    [Theory]
    [InlineData(0x802u, true, false)]
    [InlineData(0x803u, true, false)]
    [InlineData(0x808u, true, true)]
    [InlineData(0x809u, false, false)]
    [InlineData(0x80au, true, false)]
    [InlineData(0x80bu, false, true)]
    [InlineData(0x80cu, false, false)]
    [InlineData(0x80du, true, false)]
    [InlineData(0x80eu, false, false)]
    [InlineData(0x80fu, true, true)]
    [InlineData(0x810u, true, false)]
    [InlineData(0x827u, true, false)]
    [InlineData(0x828u, true, true)]
    [InlineData(0x82fu, false, false)]
    [InlineData(0x831u, false, false)]
    [InlineData(0x832u, true, true)]
    [InlineData(0x837u, true, true)]
    [InlineData(0x838u, true, true)]
    [InlineData(0x839u, true, false)]
    [InlineData(0x83eu, true, true)]
    [InlineData(0x840u, false, false)]
    [InlineData(0x8ffu, false, false)]
    public void T11_6_What_can_be_read_and_written(uint msr, bool canRead, bool canWrite)
    {
        Assert.Equal(canRead, _bed.Apic.TryReadMsr(msr, out _));
        Assert.Equal(canWrite, _bed.Apic.TryWriteMsr(msr, 0));
    }

    [Theory]
    [InlineData(0x80bu, 1ul)]
    [InlineData(0x828u, 1ul)]
    [InlineData(0x808u, 0x100ul)]
    [InlineData(0x83fu, 0x140ul)]
    [InlineData(0x832u, 1ul << 32)]
    [InlineData(0x830u, 1ul << 20)]
    public void S11_12_1_3_Reserved_bits_are_refused(uint msr, ulong value) => Assert.False(_bed.Apic.TryWriteMsr(msr, value));

    [Fact]
    public void S11_12_10_2_The_logical_id_is_made_of_the_id()
    {
        Assert.True(_bed.Apics[0x13].TryReadMsr(0x80d, out ulong value));
        Assert.Equal(0x0001_0008ul, value);
        Assert.True(_bed.Apics[0x13].TryReadMsr(0x802, out value));
        Assert.Equal(0x13ul, value);
        Assert.True(_bed.Apic.TryWriteMsr(0x830, 0x0001_000c_0000_0000 | 1 << 11 | 0x55));
        Assert.Equal([0x12, 0x13], _bed.Takers(0x55));
    }

    [Fact]
    public void S11_12_9_Commands_have_64_bits_and_32_of_destination()
    {
        Assert.True(_bed.Apic.TryWriteMsr(0x830, 0x0000_0013_0000_0055));
        Assert.Equal([0x13], _bed.Takers(0x55));
        Assert.True(_bed.Apic.TryReadMsr(0x830, out ulong value));
        Assert.Equal(0x0000_0013_0000_0055ul, value);
        Assert.True(_bed.Apic.TryWriteMsr(0x830, 0xffff_ffff_0000_0056));
        Assert.Equal(20, _bed.Takers(0x56).Length);
        Assert.True(_bed.Apic.TryWriteMsr(0x830, 0x0000_00ff_0000_0057)); // nobody's ID
        Assert.Empty(_bed.Takers(0x57));
    }

    [Fact]
    public void S11_12_11_To_itself()
    {
        Assert.True(_bed.Apics[5].TryWriteMsr(0x83f, 0x99));
        Assert.Equal([5], _bed.Takers(0x99));
    }

    [Fact]
    public void A_message_of_8_bits_means_all_by_ff_and_the_first_cluster_by_a_logical_one()
    {
        _bed.Bus.Send(0xfeef_f000, 0x60);
        Assert.Equal(20, _bed.Takers(0x60).Length);
        _bed.Bus.Send(0xfee8_1004, 0x61);
        Assert.Equal([0, 7], _bed.Takers(0x61));
    }

    [Fact]
    public void S11_12_2_There_is_no_page_in_x2APIC_mode_nor_while_it_is_off()
    {
        Assert.Equal(uint.MaxValue, _bed.Read(LocalApicRegister.Version));
        _bed.Write(LocalApicRegister.TaskPriority, 0x50);
        Assert.Equal(0, _bed.Apic.TaskPriorityClass);
        Assert.True(_bed.Apic.TryWriteMsr(LocalApicMsr.Base, 0xfee0_0100));
        Assert.Equal(uint.MaxValue, _bed.Read(LocalApicRegister.Version));
    }

    [Fact]
    public void After_INIT_it_is_in_x2APIC_mode_still()
    {
        _bed.Apic.PostInit();
        Assert.True(_bed.Apic.TryTakeInit());
        Assert.True(_bed.Apic.IsExtended);
    }
}
