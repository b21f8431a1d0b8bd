namespace Makatea.EndToEnd;

/// <summary>Linux guests on the switch of <c>makatea vhost-user-net</c>, with Linux's own driver at the other end of every ring.</summary>
[Trait("Category", "Guest")]
public sealed class SwitchTests
{
    private const string First = "52:54:00:00:00:01";
    private const string Second = "52:54:00:00:00:02";

    [SkippableTheory]
    [InlineData(1, "")]
    [InlineData(2, "")]
    [InlineData(1, ",packed=on")]
    [InlineData(1, ",mrg_rxbuf=off,indirect_desc=off,event_idx=off")]
    [InlineData(1, ",csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off")]
    public void Two_guests_reach_each_other_and_what_they_send_arrives_unharmed(int queues, string properties)
    {
        using var scratch = new Scratch();
        string socket = scratch.File("net.sock");
        _ = GuestAssets.Kernel;
        using TetheredProcess backend = TetheredProcess.Start(
            scratch.File("backend.log"), MakateaCommand.Line("vhost-user-net", $"--socket-path={socket}", $"--queues={queues}", "--mtu=9000"));
        Deadline.Wait("the backend's socket", 30, () => File.Exists(socket));
        using Guest first = Boot(scratch, socket, First, queues, properties);
        using Guest second = Boot(scratch, socket, Second, queues, properties);
        first.Run("ip addr add 10.0.0.1/24 dev eth0 && ip link set eth0 mtu 9000 up");
        second.Run("ip addr add 10.0.0.2/24 dev eth0 && ip link set eth0 mtu 9000 up");
        first.Run("ping -c 5 -W 5 10.0.0.2");

        // The largest packet that is not cut.
        second.Run("ping -c 2 -W 5 -s 8972 10.0.0.1");
        Transfer(first, second, "10.0.0.2");
        Transfer(second, first, "10.0.0.1");
        if (queues > 1)
        {
            Assert.Equal($"{queues}", first.Run("ls -d /sys/class/net/eth0/queues/tx-* | wc -l"));
        }

        first.AssertKernelContent();
        second.AssertKernelContent();
        first.PowerOff();
        second.PowerOff();
    }

    private static void Transfer(Guest from, Guest to, string address)
    {
        // The listener's own input must not end: it would tell the sender that all is over.
        to.Start("receive", "rm -f /tmp/never; mkfifo /tmp/never; nc -l -p 5000 <>/tmp/never >/tmp/got; stat -c %s /tmp/got; sha256sum </tmp/got");
        from.Run("dd if=/dev/urandom of=/tmp/data bs=1M count=16 2>/dev/null");
        from.Run($"for i in 1 2 3 4 5 6 7 8 9 10; do nc {address} 5000 </tmp/data && exit 0; sleep 0.5; done; exit 1", 120);
        Assert.Equal("16777216\n" + from.Run("sha256sum </tmp/data"), to.Finish("receive"));
    }

    /// <summary>Without KVM, QEMU 7.2 falls when a guest unmasks a vector of such a device; it does without MSI-X.</summary>
    private static Guest Boot(Scratch scratch, string socket, string address, int queues, string properties) => Guest.Boot(scratch, new GuestOptions
    {
        Cores = queues,
        Arguments =
        [
            "-chardev", $"socket,id=net,path={socket}", "-netdev", $"vhost-user,id=net0,chardev=net,queues={queues}",
            "-device", $"virtio-net-pci,netdev=net0,mac={address},vectors={(Accelerator.Name == "kvm" ? (2 * queues) + 2 : 0)}{(queues > 1 ? ",mq=on" : "")}{properties}",
        ],
    });
}
