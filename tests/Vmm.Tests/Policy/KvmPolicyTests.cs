using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Vmm.Policy;

namespace Makatea.Vmm.Tests.Policy;

/// <summary>This machine's KVM takes what the policy makes of what it reports.</summary>
public sealed class KvmPolicyTests
{
    [SkippableFact]
    public void KVM_takes_the_table_and_the_list()
    {
        Skip.IfNot(File.Exists(KvmHost.DevicePath), $"{KvmHost.DevicePath} is missing: load kvm_intel or kvm_amd");
        using KvmHost host = KvmHost.Open();
        using VirtualMachine machine = host.CreateMachine();
        CpuidModel model = new(machine.Info, new(2), 2_500_000_000);
        machine.AllowMsrs([.. new MsrPolicy(machine.Info, model).Direct]);
        for (uint id = 0; id < 2; id++)
        {
            using VirtualCpu cpu = machine.CreateCpu(id);
            cpu.SetCpuid(model.For(id));
        }

        Assert.InRange(model.PhysicalAddressBits, 36, 52);
        Assert.NotEmpty(Mitigations.Report(machine.Info, model));
    }
}
