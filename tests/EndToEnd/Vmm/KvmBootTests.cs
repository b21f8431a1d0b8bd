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
        Assert.DoesNotContain("ACPI Error", console, StringComparison.Ordinal);
        Assert.DoesNotContain("ACPI BIOS", console, StringComparison.Ordinal);
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

    /// <summary>The back end is QEMU's: nothing of it is ours.</summary>
    [SkippableFact]
    public void A_disk_that_another_back_end_serves_is_written_and_stays_whole()
    {
        using var scratch = new Scratch();
        using Guest guest = Boot(scratch);
        guest.Run("truncate -s 64M /tmp/disk && mkfs.ext4 -q /tmp/disk 32M");
        guest.Start("daemon", "qemu-storage-daemon --blockdev driver=file,node-name=file,filename=/tmp/disk "
            + "--export type=vhost-user-blk,id=export,addr.type=unix,addr.path=/tmp/disk.sock,node-name=file,writable=on");
        guest.Run("while ! [ -S /tmp/disk.sock ]; do sleep 0.1; done");
        string console = Run(guest, "--disk /tmp/disk.sock", """
            set -e
            mount /dev/vda /mnt
            head -c 8388608 /dev/urandom >/mnt/file
            dd if=/mnt/file of=/dev/vda bs=1M seek=48 conv=fsync 2>/dev/null
            sha256sum </mnt/file
            umount /mnt
            grep virtio0-req /proc/interrupts
            poweroff -f
            """);
        Assert.Contains("virtio0-req", console, StringComparison.Ordinal);
        string sum = console.Split('\n').Single(line => line.EndsWith("  -", StringComparison.Ordinal));
        Assert.Matches("PCI-MSI [0-9]+-edge +virtio0-req.0", console);
        guest.Run("e2fsck -fn /tmp/disk");
        Assert.Equal(sum, guest.Run("dd if=/tmp/disk bs=1M skip=48 count=8 2>/dev/null | sha256sum").TrimEnd());
        guest.PowerOff();
    }

    private static Guest Boot(Scratch scratch)
    {
        (string kernel, string initramfs) = GuestAssets.Kvm;
        Guest guest = Guest.Boot(scratch, new GuestOptions { Kernel = kernel, Initramfs = initramfs, HasVirtualization = true, Memory = 1024 });
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
