using Makatea.Platform.Linux;
using Makatea.Running;
using Makatea.Systems;

namespace Makatea.Tests.Running;

public sealed class VmmChoiceTests
{
    [Fact]
    public void Makatea_vmm_gets_all_that_the_qube_has()
    {
        var qube = new QubeDescription
        {
            Name = new("work", default),
            Memory = (512 << 20) + 1,
            Cores = 2,
            Kernel = new("/k", default),
            Initrd = new("/i", default),
            CommandLine = "--quiet splash",
            Addresses = AddressPlan.Default(17),
        };
        var vmm = new MakateaVmm(new SandboxOptions { Executable = "/bin/vmm", Arguments = ["exec", "x"] });
        SandboxOptions program = vmm.Program(qube, new QubePaths("/run/w", "/log/w.log", ["/run/w.root", "/run/w.data"], "/run/w@net"), 3);
        Assert.Equal("/bin/vmm", program.Executable);
        Assert.Equal(
            [
                "exec", "x", "--qmp", "fd:3", "--console", "/run/w", "--console-log", "/log/w.log", "--memory", "514", "--cpus", "2", "--kernel", "/k", "--cmdline=--quiet splash",
                "--initramfs", "/i", "--disk", "/run/w.root", "--disk", "/run/w.data", "--net", "/run/w@net,mac=00:16:3e:5e:6c:11,server=on",
            ],
            program.Arguments);
    }
}
