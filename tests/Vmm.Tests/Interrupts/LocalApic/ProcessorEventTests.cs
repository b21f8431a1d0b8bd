namespace Makatea.Vmm.Tests;

/// <summary>NMI, INIT and start-up: [SDM] volume 3, 9.4 and 11.6.1.</summary>
public sealed class ProcessorEventTests
{
    private readonly ApicBed _bed = new(2);

    [Fact]
    public void S9_4_4_INIT_then_start_up_at_a_page()
    {
        Send(0x0000_c500); // INIT, level, asserted
        Send(0x0000_8500); // its end
        Send(0x0000_0699);
        Send(0x0000_0655); // the second is ignored
        Assert.True(_bed.Apics[1].HasEvents);
        Assert.True(_bed.Apics[1].TryTakeInit());
        Assert.False(_bed.Apics[1].TryTakeInit());
        Assert.True(_bed.Apics[1].TryTakeStartUp(out byte page));
        Assert.Equal(0x99, page);
        Assert.False(_bed.Apics[1].TryTakeStartUp(out _));
        Assert.False(_bed.Apics[1].HasEvents);
    }

    [Fact]
    public void INIT_forgets_the_start_up_before_it_and_resets_the_apic()
    {
        _bed.Apics[1].PostStartUp(3);
        _bed.Apics[1].PostNmi();
        _bed.Apics[1].Post(0x40, true);
        _bed.Apics[1].PostInit();
        Assert.True(_bed.Apics[1].TryTakeInit());
        Assert.False(_bed.Apics[1].TryTakeStartUp(out _));
        Assert.True(_bed.Apics[1].TryTakeNmi());
        Assert.False(_bed.Apics[1].TryTakeNmi());
        Assert.Equal(0xffu, _bed.Read(LocalApicRegister.SpuriousVector, 1));
        Assert.Equal(0u, _bed.Read(LocalApicRegister.Requested + 0x20, 1));
    }

    private void Send(uint command)
    {
        _bed.Write(LocalApicRegister.CommandHigh, 1 << 24);
        _bed.Write(LocalApicRegister.Command, command);
    }
}
