namespace Makatea.Vmm.Tests;

/// <summary>Who is meant: [SDM] volume 3, 11.6 and 11.11.</summary>
public sealed class DestinationTests
{
    private const uint Logical = 1 << 11;

    private readonly ApicBed _bed = new(4);

    [Fact]
    public void S11_6_2_1_Physical_by_id_or_all()
    {
        Command(0, 0x41, to: 2);
        Assert.Equal([2], _bed.Takers(0x41));
        Command(0, 0x42, to: 0xff);
        Assert.Equal([0, 1, 2, 3], _bed.Takers(0x42));
        Command(0, 0x43, to: 9);
        Assert.Empty(_bed.Takers(0x43));
    }

    [Fact]
    public void S11_6_2_2_Flat()
    {
        for (int i = 0; i < 4; i++)
        {
            _bed.Write(LocalApicRegister.LogicalDestination, 1u << (24 + i), i);
        }

        Command(1, Logical | 0x41, to: 0b1010);
        Assert.Equal([1, 3], _bed.Takers(0x41));
        Command(1, Logical | 0x42, to: 0xff);
        Assert.Equal(4, _bed.Takers(0x42).Length);
        Command(1, Logical | 0x43, to: 0xf0);
        Assert.Empty(_bed.Takers(0x43));
    }

    [Fact]
    public void S11_6_2_2_Clusters()
    {
        for (int i = 0; i < 4; i++)
        {
            _bed.Write(LocalApicRegister.DestinationFormat, 0, i);
            _bed.Write(LocalApicRegister.LogicalDestination, ((uint)(i / 2) << 28) | (1u << (24 + (i % 2))), i);
        }

        Command(0, Logical | 0x41, to: 0x13);
        Assert.Equal([2, 3], _bed.Takers(0x41));
        Command(0, Logical | 0x42, to: 0x02);
        Assert.Equal([1], _bed.Takers(0x42));
        Command(0, Logical | 0x43, to: 0xf1);
        Assert.Equal([0, 2], _bed.Takers(0x43));
    }

    [Fact]
    public void S11_6_1_Shorthands()
    {
        Command(1, (1 << 18) | 0x41);
        Assert.Equal([1], _bed.Takers(0x41));
        Command(1, (2 << 18) | 0x42);
        Assert.Equal([0, 1, 2, 3], _bed.Takers(0x42));
        Command(1, (3 << 18) | 0x43);
        Assert.Equal([0, 2, 3], _bed.Takers(0x43));
        Command(1, (1 << 18) | (4 << 8)); // NMI to itself by shorthand is not valid
        Assert.False(_bed.Apics[1].HasEvents);
        Command(1, (3 << 18) | (4 << 8));
        Assert.Equal([true, false, true, true], _bed.Apics.Select(a => a.TryTakeNmi()));
    }

    [Fact]
    public void S11_6_2_4_Of_lowest_priority_one_takes_it_and_vectors_are_spread()
    {
        for (int i = 0; i < 4; i++)
        {
            _bed.Write(LocalApicRegister.LogicalDestination, 1u << (24 + i), i);
        }

        HashSet<int> takers = [];
        for (byte vector = 0x40; vector < 0x50; vector++)
        {
            Command(0, Logical | (1 << 8) | vector, to: 0b1110);
            takers.Add(Assert.Single(_bed.Takers(vector)));
        }

        Assert.Equal([1, 2, 3], takers.Order());
        _bed.Write(LocalApicRegister.SpuriousVector, 0xff, 2);
        for (byte vector = 0x40; vector < 0x50; vector++)
        {
            Command(0, Logical | (1 << 8) | vector, to: 0b1110);
            Assert.Contains(Assert.Single(_bed.Takers(vector)), new[] { 1, 3 });
        }
    }

    [Fact]
    public void S11_11_Messages()
    {
        _bed.Bus.Send(0xfee0_2000, 0x4051);
        Assert.Equal([2], _bed.Takers(0x51));
        _bed.Bus.Send(0xfee0_3000, 0x0400); // NMI
        Assert.True(_bed.Apics[3].TryTakeNmi());
        _bed.Bus.Send(0xfeef_f008, 0x52); // the hint: to one of them
        Assert.Single(_bed.Takers(0x52));
        _bed.Bus.Send(0xfee0_2000, 0x0000_8053); // the end of a level is no message
        Assert.Empty(_bed.Takers(0x53));
        Assert.Equal(1, _bed.Bus.Dropped);
    }

    [Theory]
    [InlineData(0xfed0_0000ul, 0x50u)]
    [InlineData(0xfef0_0000ul, 0x50u)]
    [InlineData(0x1_fee0_0000ul, 0x50u)]
    [InlineData(0xfee0_9000ul, 0x50u)]
    [InlineData(0xfee0_0000ul, 0x0250u)] // SMI
    [InlineData(0xfee0_0000ul, 0x0650u)] // start-up is no message
    [InlineData(0xfee0_0000ul, 0x0750u)]
    [InlineData(0xfee0_0000ul, 0x0005u)]
    public void Messages_that_mean_nobody_or_nothing_are_counted(ulong address, uint data)
    {
        _bed.Bus.Send(address, data);
        Assert.Equal(1, _bed.Bus.Dropped);
        Assert.All(_bed.Apics, a => Assert.False(a.HasInterrupt || a.HasEvents));
    }

    [Fact]
    public void An_id_is_given_once() =>
        Assert.Throws<ArgumentException>(() => new LocalApic(_bed.Bus, 3, false, _bed.Time.Queue, new TscClock(_bed.Time.Clock, 1, () => 0), () => { }));

    [Fact]
    public void Sending_allocates_nothing()
    {
        _bed.Bus.Send(0xfeef_f000, 0x60);
        _ = _bed.Takers(0x60);
        long before = GC.GetAllocatedBytesForCurrentThread();
        _bed.Bus.Send(0xfeef_f000, 0x60);
        Command(0, (1 << 8) | 0x61, to: 0xff);
        _bed.Apic.TryTakeInterrupt(out _);
        _bed.Apic.PostInit();
        _bed.Apic.PostStartUp(1);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private void Command(int from, uint command, byte to = 0)
    {
        _bed.Write(LocalApicRegister.CommandHigh, (uint)to << 24, from);
        _bed.Write(LocalApicRegister.Command, command, from);
    }
}
