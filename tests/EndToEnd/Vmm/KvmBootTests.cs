using System.Text;

namespace Makatea.EndToEnd;

/// <summary>Debian's kernel in a qube of makatea-vmm, on the KVM of a guest whose processors QEMU emulates with SVM.</summary>
[Trait("Category", "Guest")]
public sealed class KvmBootTests
{
    // QEMU 7.2 lets the guest's guest set XCR0 without telling KVM, which then restores another one.
    private const string Always = "console=ttyS0 panic=-1 no_timer_check noxsave";

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_qube_boots_to_init_and_powers_itself_off(int processors)
    {
        using var scratch = new Scratch();
        using Guest guest = Boot(scratch);
        string console = Run(guest, $"--cpus {processors}", "grep -c ^processor /proc/cpuinfo; dmesg -l emerg,alert,crit,err,warn; echo the end; poweroff -f");
        Assert.Contains($"Brought up 1 node, {processors} CPU", console, StringComparison.Ordinal);
        Assert.Contains($"\n{processors}\n", console, StringComparison.Ordinal);
        Assert.Contains("\nthe end\n", console, StringComparison.Ordinal);
        Assert.DoesNotContain("ACPI BIOS Error", console, StringComparison.Ordinal);
        Assert.DoesNotContain("unchecked MSR", console, StringComparison.Ordinal);
        Assert.DoesNotContain("Call Trace", console, StringComparison.Ordinal);
        guest.PowerOff();
    }

    [SkippableFact]
    public void A_qube_that_reboots_starts_anew_until_it_is_ended()
    {
        using var scratch = new Scratch();
        using Guest guest = Boot(scratch);

        guest.Start("qube", $"echo $$ >/tmp/qube.pid; exec {Command("", "reboot -f")}");
        guest.Run("while [ $(grep -c 'Linux version' /tmp/qube.log) -lt 3 ]; do [ -s /tmp/qube.status ] && cat /tmp/qube.log && exit 1; sleep 0.1; done", 300);
        guest.Run("kill -TERM $(cat /tmp/qube.pid); while [ -e /proc/$(cat /tmp/qube.pid) ]; do sleep 0.1; done");
        guest.PowerOff();
    }

    private static Guest Boot(Scratch scratch)
    {
        (string kernel, string initramfs) = GuestAssets.Kvm;
        Guest guest = Guest.Boot(scratch, new GuestOptions { Kernel = kernel, Initramfs = initramfs, HasVirtualization = true, Cores = 2, Memory = 1024 });
        guest.Run("modprobe kvm_amd && [ -c /dev/kvm ]");
        return guest;
    }

    /// <summary>Runs a qube to its end, which has to be of its own will.</summary>
    /// <returns>Its console.</returns>
    private static string Run(Guest guest, string arguments, string script)
    {
        guest.Start("qube", Command(arguments, script));
        return guest.Finish("qube", 300).Replace("\r", "", StringComparison.Ordinal);
    }

    private static string Command(string arguments, string script) =>
        $"makatea-vmm {arguments} --kernel /boot/vmlinuz --initramfs /boot/initramfs.gz --cmdline '{Always} run={Convert.ToBase64String(Encoding.ASCII.GetBytes(script))}' </dev/null";
}
