using Makatea.Platform;
using Makatea.Vmm.Policy;

namespace Makatea.Vmm.Tests.Policy;

public sealed class MsrPolicyTests
{
    [Theory]
    [InlineData(0x10U, MemoryAccess.Read)] // the counter is not the guest's to set
    [InlineData(0x48U, MemoryAccess.ReadWrite)]
    [InlineData(0x49U, MemoryAccess.Write)]
    [InlineData(0x10bU, MemoryAccess.Write)]
    [InlineData(0x174U, MemoryAccess.ReadWrite)]
    [InlineData(0x277U, MemoryAccess.ReadWrite)]
    [InlineData(0xc000_0080U, MemoryAccess.ReadWrite)]
    [InlineData(0xc000_0102U, MemoryAccess.ReadWrite)]
    [InlineData(0x4b56_4d01U, MemoryAccess.ReadWrite)]
    public void What_is_the_processor_s_own_state_is_used_directly(uint number, MemoryAccess access) =>
        Assert.Equal(access, Assert.Single(Make(TestHosts.Intel()).Direct, permission => number - permission.First < permission.Count).Access);

    [Theory]
    [InlineData(0x1bU)] // the local APIC's
    [InlineData(0x3bU)]
    [InlineData(0x6e0U)]
    [InlineData(0x800U)]
    [InlineData(0xc1U)]
    [InlineData(0x38fU)]
    [InlineData(0x480U)]
    [InlineData(0x570U)]
    [InlineData(0x611U)]
    [InlineData(0x12345U)]
    [InlineData(0x4b56_4d02U)]
    [InlineData(0xc001_0114U)]
    [InlineData(0xc001_0117U)]
    public void What_is_not_listed_is_refused(uint number)
    {
        foreach (VirtualMachineInfo host in (VirtualMachineInfo[])[TestHosts.Intel(), TestHosts.Amd()])
        {
            MsrPolicy policy = Make(host);
            Assert.DoesNotContain(policy.Direct, permission => number - permission.First < permission.Count);
            Assert.False(policy.TryRead(number, out _));
            Assert.False(policy.TryWrite(number, 0));
        }
    }

    [Fact]
    public void Speculation_controls_are_used_where_the_processor_has_them()
    {
        VirtualMachineInfo host = TestHosts.Intel();
        VirtualMachineInfo poor = host with { Cpuid = [.. host.Cpuid.Where(entry => entry.Leaf is not (7 or 0x8000_0008))] };
        Assert.DoesNotContain(Make(poor).Direct, permission => permission.First is 0x48 or 0x49 or 0x10b or 0xc001_011f);
        Assert.False(Make(poor).TryRead(0x10a, out _));
    }

    [Fact]
    public void KVM_s_clock_is_used_on_KVM_alone() => Assert.DoesNotContain(Make(TestHosts.Intel("seL4")).Direct, permission => permission.First == 0x4b56_4d00);

    /// <summary>Bits that offer controls (TSX_CTRL, FB_CLEAR_CTRL, MISC_PACKAGE_CTRLS, XAPIC_DISABLE_STATUS, GDS_CTRL) and unknown ones are left out.</summary>
    [Fact]
    public void Capabilities_are_those_that_say_something_of_the_processor_alone()
    {
        MsrPolicy policy = Make(TestHosts.Intel());
        Assert.True(policy.TryRead(0x10a, out ulong value));
        Assert.Equal(0x1d1a_f17fUL & ~(1UL << 7), value & 0x1fff_ffff);
        Assert.Equal(0UL, value & (1UL << 7 | 1UL << 10 | 1UL << 11 | 1UL << 18 | 1UL << 21 | 1UL << 23 | 1UL << 25));
        Assert.Equal(0UL, value >> 29);
        Assert.False(policy.TryWrite(0x10a, 0));
    }

    [Fact]
    public void Answers_are_the_same_whatever_is_written()
    {
        MsrPolicy policy = Make(TestHosts.Amd());
        Assert.True(policy.TryWrite(0xc001_0015, 0));
        Assert.True(policy.TryRead(0xc001_0015, out ulong hardware));
        Assert.Equal(1UL << 24, hardware);
        Assert.True(policy.TryRead(0xc001_1029, out ulong decode));
        Assert.Equal(2UL, decode);
        Assert.True(policy.TryRead(0x8b, out ulong revision));
        Assert.Equal(0x1234_0000_0000UL, revision);
        Assert.True(policy.TryRead(0x3a, out ulong features));
        Assert.Equal(1UL, features);
        Assert.True(policy.TryWrite(0x3a, 1));
        Assert.False(policy.TryWrite(0x3a, 5)); // turning VMX on
        Assert.True(policy.TryRead(0x179, out ulong banks));
        Assert.Equal(0UL, banks);
    }

    [Fact]
    public void AMD_s_are_not_there_on_Intel_s() => Assert.False(Make(TestHosts.Intel()).TryRead(0xc001_0015, out _));

    private static MsrPolicy Make(VirtualMachineInfo host) => new(host, new CpuidModel(host, new(1), 1_000_000_000));
}
