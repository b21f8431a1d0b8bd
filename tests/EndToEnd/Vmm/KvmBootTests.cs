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

    /// <summary>Its root is served by our own back end. What one boot writes is there in the next.</summary>
    [SkippableFact]
    public void A_qube_has_its_root_on_our_disk_by_both_protocols_and_transports()
    {
        using var scratch = new Scratch();
        using Guest guest = Boot(scratch);
        const string Init = """
            #!/bin/sh
            mount -t proc proc /proc
            mount -t sysfs sys /sys
            echo "loader $(cat /proc/sys/kernel/bootloader_type)"
            grep ' / ' /proc/mounts
            grep virtio /proc/interrupts
            readlink -f /sys/block/vda
            echo "before: $(cat /boots)"
            cat /proc/sys/kernel/bootloader_type >>/boots
            mount -o remount,ro /
            poweroff -f
            """;
        guest.Run($"""
            set -e
            mkdir -p /tmp/root/bin /tmp/root/sbin /tmp/root/dev /tmp/root/proc /tmp/root/sys /tmp/root/tmp
            for program in busybox sh mount cat grep echo readlink poweroff; do cp -a /bin/$program /tmp/root/bin; done
            echo {Convert.ToBase64String(Encoding.ASCII.GetBytes(Init))} | base64 -d >/tmp/root/sbin/init
            chmod 755 /tmp/root/sbin/init
            echo new >/tmp/root/boots
            mkfs.ext4 -q -d /tmp/root /tmp/disk 16M
            """);
        guest.Start("disk", "aotsmoke serve /tmp/disk.sock /tmp/disk 1 read-write");
        guest.Run("while ! [ -S /tmp/disk.sock ]; do sleep 0.1; done");
        string pvh = RunFromDisk(guest, "vmlinux", "mmio");
        string linux = RunFromDisk(guest, "vmlinuz", "pci");

        // What the kernel has of its loader: by PVH it calls itself 0xb0; our zero page says 0xff.
        Assert.Contains("\nloader 176\n", pvh, StringComparison.Ordinal);
        Assert.Contains("\nbefore: new\n", pvh, StringComparison.Ordinal);
        Assert.Matches("IO-APIC +17-edge +virtio0", pvh);
        Assert.Contains("LNRO0005:00", pvh, StringComparison.Ordinal);
        Assert.Contains("\nloader 255\n", linux, StringComparison.Ordinal);
        Assert.Contains("\nbefore: new\n176\n", linux, StringComparison.Ordinal);
        Assert.Matches("PCI-MSI [0-9]+-edge +virtio0-req.0", linux);
        Assert.All([pvh, linux], console => Assert.Contains("/dev/vda / ext4 rw", console, StringComparison.Ordinal));
        guest.Run("e2fsck -fn /tmp/disk");
        guest.PowerOff();
    }

    /// <summary>Saved while it writes, ended, and restored later: it goes on with the next file, its disk is whole and its clock has not noticed.</summary>
    [SkippableFact]
    public void A_qube_that_writes_goes_on_from_a_snapshot()
    {
        using var scratch = new Scratch();
        using Guest guest = Boot(scratch);
        guest.Run("truncate -s 64M /tmp/disk && mkfs.ext4 -q /tmp/disk");
        guest.Start("disk", "aotsmoke serve /tmp/disk.sock /tmp/disk 1 read-write");
        guest.Run("while ! [ -S /tmp/disk.sock ]; do sleep 0.1; done");
        guest.Start("qube", Command("--disk /tmp/disk.sock --qmp /tmp/qmp", """
            mount /dev/vda /mnt
            for i in $(seq 30); do
              head -c 200000 /dev/urandom >/mnt/$i
              sha256sum /mnt/$i >>/mnt/sums
              [ $((i % 3)) != 0 ] || sync
              echo "round $i at $(cut -d' ' -f1 /proc/uptime)"
              sleep 0.2
            done
            umount /mnt
            mount /dev/vda /mnt
            sha256sum -c /mnt/sums | grep -c ': OK'
            umount /mnt
            poweroff -f
            """));
        guest.Run("while ! grep -q 'round 4' /tmp/qube.log; do [ -s /tmp/qube.status ] && cat /tmp/qube.log && exit 1; sleep 0.1; done", 300);
        guest.Run("aotsmoke qmp /tmp/qmp stop '{\"execute\":\"x-makatea-snapshot\",\"arguments\":{\"file\":\"/tmp/snapshot\"}}' quit", 120);
        string before = guest.Finish("qube").Replace("\r", "", StringComparison.Ordinal);
        Assert.DoesNotContain("round 30", before, StringComparison.Ordinal);

        // Holes are no part of the file.
        Assert.InRange(int.Parse(guest.Run("du -m /tmp/snapshot | cut -f1"), System.Globalization.CultureInfo.InvariantCulture), 1, 200);
        guest.Run("sleep 40");
        guest.Start("qube", "timeout 280 makatea-vmm --restore /tmp/snapshot --disk /tmp/disk.sock </dev/null");
        string after = guest.Finish("qube", 300).Replace("\r", "", StringComparison.Ordinal);
        Assert.Contains("\n30\n", after, StringComparison.Ordinal);
        Assert.DoesNotContain("Linux version", after, StringComparison.Ordinal);
        Assert.True(!System.Text.RegularExpressions.Regex.IsMatch(after, "stuck|hung|stall|I/O error"), after);
        double[] uptimes = [.. System.Text.RegularExpressions.Regex.Matches(before + after, "round [0-9]+ at ([0-9.]+)").Select(match => double.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(30, uptimes.Length);
        Assert.All(uptimes.Zip(uptimes.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, 0, 39));
        guest.Run("e2fsck -fn /tmp/disk");
        guest.PowerOff();
    }

    /// <summary>A disk comes while the guest runs, is used, and goes again.</summary>
    [SkippableFact]
    public void A_disk_is_attached_and_detached_while_the_guest_runs()
    {
        using var scratch = new Scratch();
        using Guest guest = Boot(scratch);
        guest.Run("truncate -s 32M /tmp/disk && mkfs.ext4 -q /tmp/disk");
        guest.Start("disk", "aotsmoke serve /tmp/disk.sock /tmp/disk 1 read-write");
        guest.Run("while ! [ -S /tmp/disk.sock ]; do sleep 0.1; done");
        guest.Start("qube", Command("--qmp /tmp/qmp", """
            for round in 1 2; do
              echo "ready $round"
              while ! [ -b /dev/vda ]; do sleep 0.1; done
              mount /dev/vda /mnt && head -c 4000000 /dev/urandom >/mnt/$round && umount /mnt && echo "written $round"
              while [ -e /sys/block/vda ]; do sleep 0.1; done
              echo "gone $round"
            done
            poweroff -f
            """));
        for (int round = 1; round <= 2; round++)
        {
            Await(guest, $"ready {round}");
            guest.Run("""
                aotsmoke qmp /tmp/qmp '{"execute":"chardev-add","arguments":{"id":"c","backend":{"type":"socket","data":{"addr":{"type":"unix","data":{"path":"/tmp/disk.sock"}},"server":false}}}}' \
                  '{"execute":"device_add","arguments":{"driver":"vhost-user-blk-pci","id":"more","chardev":"c"}}'
                """);
            Await(guest, $"written {round}");
            guest.Run("""aotsmoke qmp /tmp/qmp '{"execute":"device_del","arguments":{"id":"more"}}'""");
            Await(guest, $"gone {round}");

            // Its name is free when the guest has given it up. After the last round the qube powers off.
            if (round == 1)
            {
                guest.Run("""while ! aotsmoke qmp /tmp/qmp '{"execute":"chardev-remove","arguments":{"id":"c"}}'; do sleep 0.1; done""");
            }
        }

        string console = guest.Finish("qube").Replace("\r", "", StringComparison.Ordinal);
        Assert.DoesNotMatch("I/O error|Call Trace|ACPI Error", console);
        guest.Run("e2fsck -fn /tmp/disk");
        guest.PowerOff();
    }

    private static void Await(Guest guest, string line) =>
        guest.Run($"while ! grep -q '{line}' /tmp/qube.log; do [ -s /tmp/qube.status ] && cat /tmp/qube.log && exit 1; sleep 0.1; done", 200);

    private static string RunFromDisk(Guest guest, string kernel, string transport)
    {
        guest.Start("qube", $"timeout 280 makatea-vmm --disk /tmp/disk.sock --transport {transport} --kernel /boot/{kernel} --initramfs /boot/initramfs.gz --cmdline '{Always} root=/dev/vda rw' </dev/null");
        return guest.Finish("qube", 300).Replace("\r", "", StringComparison.Ordinal);
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
        $"timeout 280 makatea-vmm {arguments} --kernel /boot/vmlinuz --initramfs /boot/initramfs.gz --cmdline '{Always} run={Convert.ToBase64String(Encoding.ASCII.GetBytes(script))}' </dev/null";
}
