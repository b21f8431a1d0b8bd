using System.Collections.Concurrent;
using Makatea.Tests.Net;

namespace Makatea.Platform.Linux.Tests;

/// <summary>Ports on interfaces of the kernel: what they are, links, refused frames, grants.</summary>
public sealed class KernelPortTests : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(10);
    private readonly NetBed _bed = NetBed.Create();

    public void Dispose() => _bed.Dispose();

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Links_are_told(bool isTap)
    {
        using NetPort port = Open(isTap, out NetBed? other);
        using (other)
        {
            var infos = new BlockingCollection<NetPortInfo>();
            port.InfoChanged += () => infos.Add(port.Info);

            // The other end of a veth is down still; a TAP device has a carrier as long as it is open.
            Assert.Equal(isTap, port.Info.IsLinkUp);
            Assert.Equal(1500, port.Info.Mtu);
            Assert.False(port.Info.Address.IsMulticast);
            if (!isTap)
            {
                NetBed.Ip("-n", other!.Name, "link", "set", "far", "up");
                Await(infos, i => i.IsLinkUp);
            }

            NetBed.Ip("-n", _bed.Name, "link", "set", "mk", "mtu", "4000");
            Await(infos, i => i.Mtu == 4000);
            NetBed.Ip("-n", _bed.Name, "link", "set", "mk", "down");
            Await(infos, i => !i.IsLinkUp);
            NetBed.Ip("-n", _bed.Name, "link", "set", "mk", "address", "52:54:00:12:34:56");
            Await(infos, i => i.Address == new MacAddress(isTap ? 0x52540012_3457ul : 0x52540012_3456ul));
            NetBed.Ip("-n", _bed.Name, "link", "set", "mk", "up");
            Await(infos, i => i.IsLinkUp);
            NetBed.Ip("-n", _bed.Name, "link", "del", "mk");
            Await(infos, i => i.IsGone && !i.IsLinkUp);
        }
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_cannot_be_sent_is_counted_and_the_rest_goes_on(bool isTap)
    {
        using var end = new PortEnd(Open(isTap, out NetBed? other));
        using (other)
        {
            if (!isTap)
            {
                NetBed.Ip("-n", other!.Name, "link", "set", "far", "up");
                WaitUntil(() => end.Port.Info.IsLinkUp);
            }

            using var memory = new NativeArray<byte>(4096);
            using var segments = new NativeArray<MemorySegment>(4);
            segments[0] = memory.AsSegment(0, 100);
            segments[1] = memory.AsSegment(0, 10);
            segments[2] = memory.AsSegment(0, 4000);
            memory.AsSpan().Fill(0xff);
            NetFrame good = new() { Data = ScatterList.Of(segments, 0, 1), Length = 100 };
            NetFrame[] frames =
            [
                good with { Tag = 1 },
                good with { Tag = 2, Length = 99 },
                good with { Tag = 3 },
                good with { Tag = 4, Offload = new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 99 } },
                good with { Tag = 5, Offload = new() { Flags = NetFrameFlags.SegmentTcp4, ChecksumStart = 34, HeaderLength = 54, SegmentSize = 10 } }, // no such headers
                new NetFrame { Tag = 6, Data = ScatterList.Of(segments, 1, 1), Length = 10 },
                good with { Tag = 7 },
                new NetFrame { Tag = 8, Data = ScatterList.Of(segments, 2, 1), Length = 4000 }, // longer than the MTU
                good with { Tag = 9 },
            ];
            Assert.Equal(frames.Length, end.Queue.Transmit(frames));

            // A TAP device's kernel takes long frames, as any adapter may.
            NetStatistics counted = end.Port.ReadStatistics();
            Assert.Equal(isTap ? 5ul : 4ul, counted.TransmittedFrames);
            Assert.Equal(isTap ? 4ul : 5ul, counted.TransmitErrors);

            // Down, frames are dropped and counted.
            NetBed.Ip("-n", _bed.Name, "link", "set", "mk", "down");
            Assert.Equal(1, end.Queue.Transmit(frames.AsSpan(0, 1)));
            Assert.Equal(counted.TransmitErrors + 1, end.Port.ReadStatistics().TransmitErrors);
        }
    }

    [SkippableFact]
    public void A_packet_socket_tells_the_vlan_of_a_frame_and_sends_tagged_ones()
    {
        using var end = new PortEnd(Open(isTap: false, out NetBed? other));
        using (other)
        {
            other!.UpBare("far");
            using var far = new PortEnd(other.In(() => PacketPort.Open("far")));
            WaitUntil(() => end.Port.Info.IsLinkUp && far.Port.Info.IsLinkUp);
            byte[] tagged = [0x02, 0, 0, 0, 0, 9, 0x02, 0, 0, 0, 0, 8, 0x81, 0, 0x60, 7, 0x88, 0xb5, .. Enumerable.Range(1, 46).Select(i => (byte)i)];
            far.Send(tagged, piece: 20);
            end.Receive(_patience, (frame, offload) =>
            {
                bool isIt = frame[12] == 0x88;
                if (isIt)
                {
                    Assert.Equal(NetFrameFlags.HasVlanTag, offload.Flags);
                    Assert.Equal(0x6007, offload.VlanTag);
                    Assert.Equal([.. tagged[..12], .. tagged[16..]], frame);
                }

                return isIt;
            });
        }
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_granted_interface_is_used_without_its_name(bool isTap)
    {
        NetBed? other = null;
        if (!isTap)
        {
            other = NetBed.Create();
            _bed.Veth("mk", other, "far");
        }
        else
        {
            NetBed.RequireTap();
        }

        using (other)
        using (NetDescriptors descriptors = _bed.In(() => isTap ? TapPort.OpenDescriptors("mk") : PacketPort.OpenDescriptors("mk")))
        {
            // Two slots, one after the other, as a manager fills them.
            GrantSlot[] slots = GrantSlot.Of(descriptors.Device, descriptors.Link);
            using GrantSlot first = slots[0];
            using GrantSlot second = slots[1];
            int slot = first.Number;
            using NetPort port = new LinuxGrants().OpenPort(new ManifestGrant("uplink", GrantType.Port, slot));
            Assert.Equal("mk", ((KernelPort)port).Name);
            using NetQueue queue = port.OpenQueue(0, new NetQueueOptions());

            // The manager's descriptors outlive the port, for the next component.
            port.Dispose();
            using NetPort again = new LinuxGrants().OpenPort(new ManifestGrant("uplink", GrantType.Port, slot));
            Assert.False(again.Info.IsGone);
        }
    }

    [SkippableFact]
    public void What_is_no_interface_is_refused()
    {
        NetBed.RequireTap();
        Assert.Contains("no network interface nowhere", Assert.Throws<IOException>(() => _bed.In(() => PacketPort.Open("nowhere"))).Message);
        Assert.Contains("is no name", Assert.Throws<IOException>(() => TapPort.Open("a/b")).Message);
        NetBed.Ip("-n", _bed.Name, "link", "add", "bridge", "type", "bridge");
        Assert.Contains("EINVAL", Assert.Throws<IOException>(() => _bed.In(() => TapPort.Open("bridge"))).Message);
        using NetPort tap = _bed.In(() => TapPort.Open("mk"));
        Assert.Contains("EBUSY", Assert.Throws<IOException>(() => _bed.In(() => TapPort.Open("mk"))).Message);
        Assert.Contains("need 33", Assert.Throws<ArgumentException>(() => tap.OpenQueue(0, new NetQueueOptions { ReceiveDepth = 32 })).Message);
        Assert.Contains("cannot enter", Assert.Throws<IOException>(() => NetworkNamespace.Run("there-is-none", () => 0)).Message);
    }

    private static void Await(BlockingCollection<NetPortInfo> infos, Func<NetPortInfo, bool> isIt)
    {
        using var timeout = new CancellationTokenSource(_patience);
        while (!isIt(infos.Take(timeout.Token)))
        {
        }
    }

    private static void WaitUntil(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, _patience));

    private NetPort Open(bool isTap, out NetBed? other)
    {
        other = null;
        if (isTap)
        {
            NetBed.RequireTap();
            _bed.In(() =>
            {
                NetBed.Ip("-n", _bed.Name, "tuntap", "add", "mk", "mode", "tap", "vnet_hdr");
                return 0;
            });
            _bed.UpBare("mk");
            NetPort tap = _bed.In(() => TapPort.Open("mk"));
            Assert.True(SpinWait.SpinUntil(() => tap.Info.IsLinkUp, _patience));
            return tap;
        }

        other = NetBed.Create();
        _bed.Veth("mk", other, "far");
        _bed.UpBare("mk");
        return _bed.In(() => PacketPort.Open("mk"));
    }
}
