namespace Makatea.Vmm.Tests.Snapshots;

/// <summary>A local APIC in a file: registers, what waits and what is in service, its timer in each mode.</summary>
public sealed class LocalApicStateTests
{
    private readonly ApicBed _bed = new();

    [Fact]
    public void What_waits_and_what_is_in_service_is_restored()
    {
        _bed.Write(LocalApicRegister.TaskPriority, 0x20);
        _bed.Write(LocalApicRegister.LogicalDestination, 0x0400_0000);
        _bed.Apic.Post(0x51, isLevel: true);
        Assert.True(_bed.Apic.TryTakeInterrupt(out _));
        _bed.Apic.Post(0x61, isLevel: false);
        _bed.Apic.Post(0x31, isLevel: false);
        _bed.Apic.PostNmi();
        ApicBed other = new(enable: false);
        _ = other.Apic.With(_bed.Apic.Bytes());
        for (uint register = 0x20; register < 0x400; register += 0x10)
        {
            Assert.Equal(_bed.Read(register), other.Read(register));
        }

        Assert.True(other.Apic.TryTakeNmi());
        Assert.False(other.Apic.HasEvents);
        Assert.Equal((byte)0x61, other.Take());
        Assert.Null(other.Take()); // 0x51 is in service.
        other.Write(LocalApicRegister.EndOfInterrupt, 0);
        Assert.Equal((byte)0x31, other.Take());
        Assert.True(SavedDevice.Damage(_bed.Apic.Bytes(), bytes => _ = new ApicBed().Apic.Taking(bytes)) > 50);
    }

    [Fact]
    public void The_mode_is_restored_and_the_bootstrap_bit_is_the_machine_s()
    {
        ApicBed two = new(processors: 2);
        two.Extend(1);
        ApicBed other = new(processors: 2);
        _ = other.Apics[1].With(two.Apics[1].Bytes());
        Assert.True(other.Apics[1].IsExtended);
        Assert.Throws<InvalidDataException>(() => other.Apics[0].Taking(two.Apics[1].Bytes()));
    }

    [Theory]
    [InlineData(0x00040u)]
    [InlineData(0x20040u)]
    public void A_count_goes_on_from_where_it_was(uint entry)
    {
        _bed.Write(LocalApicRegister.DivideConfiguration, 0xb);
        _bed.Write(LocalApicRegister.TimerVector, entry);
        _bed.Write(LocalApicRegister.InitialCount, 5_000_000);
        _bed.Time.Step(1_000_000);

        // The other machine's clock shows the same.
        ApicBed other = new();
        other.Time.Step(1_000_000);
        _ = other.Apic.With(_bed.Apic.Bytes());
        Assert.Equal(4_000_000u, other.Read(LocalApicRegister.CurrentCount));
        other.Time.Step(3_999_999);
        Assert.Null(other.Take());
        other.Time.Step(1);
        Assert.Equal((byte)0x40, other.Take());
        other.Time.Step(5_000_000);
        Assert.Equal(entry > 0x20000 ? (byte)0x40 : null, other.Take());
    }

    [Fact]
    public void A_deadline_follows_the_counter()
    {
        _bed.Write(LocalApicRegister.TimerVector, 0x40040);
        Assert.True(_bed.Apic.TryWriteMsr(LocalApicMsr.TscDeadline, _bed.Tsc + 10_000_000));
        ApicBed other = new();
        _ = other.Apic.With(_bed.Apic.Bytes());
        other.Apic.FollowTsc();
        other.Time.Step(4_999_999);
        Assert.Null(other.Take());
        other.Time.Step(1);
        Assert.Equal((byte)0x40, other.Take());
    }
}
