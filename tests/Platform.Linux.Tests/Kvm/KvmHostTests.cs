namespace Makatea.Platform.Linux.Tests;

/// <summary>What is said where KVM is missing, is something else, or lacks something.</summary>
public sealed class KvmHostTests
{
    [Fact]
    public void What_a_kernel_lacks_is_named()
    {
        IOException error = Assert.Throws<IOException>(() => KvmRequirements.Check(capability => capability is 136 or 189 ? 0 : 1));
        Assert.Contains("KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_X86_MSR_FILTER", error.Message);
        Assert.Contains("Linux 5.10", error.Message);
        KvmRequirements.Check(_ => 1);
    }

    [Fact]
    public void A_grant_of_something_else_is_refused()
    {
        using Grant memory = new LinuxHost().CreateMemory("no kvm", 4096);
        Assert.Contains("/dev/kvm", Assert.Throws<GrantException>(() => KvmHost.Open((LinuxGrant)memory)).Message);
    }

    [SkippableFact]
    public void A_granted_descriptor_does()
    {
        _ = KvmBed.Open();
        using LinuxGrant grant = new(File.OpenHandle(KvmHost.DevicePath, FileMode.Open, FileAccess.ReadWrite));
        using KvmHost host = KvmHost.Open(grant);
        using VirtualMachine machine = host.CreateMachine();
        Assert.True(machine.Info.MaximumCpus >= 1);
        Assert.True(machine.Info.MaximumRegions >= 32);
        Assert.Contains(machine.Info.Cpuid, e => e.Leaf == 0);
    }

    [SkippableFact]
    public void Memory_that_is_not_whole_pages_is_refused()
    {
        using TinyGuest guest = TinyGuest.Real(a => a.hlt());
        Assert.Throws<ArgumentException>(() => guest.Machine.Map(new(0x400000, 0, 0x800, guest.Mapping, 0)));
        Assert.Throws<ArgumentException>(() => guest.Machine.Map(new(0x400800, 0, 0x1000, guest.Mapping, 0)));
        Assert.Throws<ArgumentException>(() => guest.Machine.Map(new(0x400000, 0, 0x1000, guest.Mapping, 0x800)));
        Assert.Throws<ArgumentException>(() => guest.Machine.Map(new(0x400000, 0, 0x1000, guest.Mapping, TinyGuest.MemoryLength)));
        Assert.Throws<ArgumentException>(() => guest.Machine.Map(new(0x400000, 0, 0x1000, guest.Mapping, 0, MemoryAccess.Write)));
        Assert.Throws<ArgumentException>(() => guest.Machine.Map(new(0x400000, 0, 0, guest.Mapping, 0)));
    }
}

/// <summary>Counts descriptors of the process.</summary>
[Collection(nameof(Alone))]
public sealed class KvmDescriptorTests
{
    [SkippableFact]
    public void A_machine_leaves_no_descriptor_open() => OpenDescriptors.AssertNoneLeft(() =>
    {
        using TinyGuest guest = TinyGuest.Real(a => a.hlt());
        guest.RunTo(VmExitKind.Halt);
    });
}
