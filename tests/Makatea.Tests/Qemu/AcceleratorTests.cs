using Makatea.Cli;
using Makatea.Qemu;

namespace Makatea.Tests.Qemu;

public class AcceleratorTests
{
    [Theory]
    [InlineData(true, "processor : 0", "flags\t\t: fpu vmx sse")]
    [InlineData(true, "flags\t\t: fpu svm")]
    [InlineData(false, "flags\t\t: fpu hypervisor", "vmx flags\t: ept")]
    [InlineData(false, "flags\t\t: svm_lock")]
    [InlineData(false)]
    public void Virtualization_shows_in_the_processors_flags(bool expected, params string[] cpuInfo) => Assert.Equal(expected, Accelerator.HasVirtualization(cpuInfo));

    [SkippableFact]
    public void The_trial_guest_runs_where_a_guest_can_run()
    {
        string qemu = Find();
        Assert.True(Accelerator.Runs(qemu, "tcg"));
    }

    [SkippableFact]
    public void The_trial_fails_where_QEMU_does() => Assert.False(Accelerator.Runs(Find(), "no-such-accelerator"));

    [SkippableFact]
    public void What_is_asked_for_needs_no_trial()
    {
        Assert.Equal("kvm", Accelerator.Choose("/nonexistent", "kvm").Name);
        Assert.Equal("tcg", Accelerator.Choose("/nonexistent", "tcg").Name);
        Assert.Contains("expected auto, kvm or tcg", Assert.Throws<CommandException>(() => Accelerator.Choose("/nonexistent", "xen")).Message, StringComparison.Ordinal);
    }

    internal static string Find()
    {
        try
        {
            return QemuProgram.Find();
        }
        catch (CommandException e)
        {
            Skip.If(true, e.Message);
            throw;
        }
    }
}
