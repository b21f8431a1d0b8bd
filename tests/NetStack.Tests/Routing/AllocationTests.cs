using Makatea.Platform;

namespace Makatea.NetStack.Tests;

public sealed class AllocationTests
{
    /// <summary>Nothing is allocated for a frame, whatever becomes of it.</summary>
    [Fact]
    public void Frames_cost_no_allocation()
    {
        using var bed = new RouterBed(rules: "action=accept dst4=10.137.0.6/32;action=drop dsthost=198.51.100.0/24;action=accept", uplink: new() { Address = RouterBed.UplinkMac, IsLinkUp = true, MaxSegments = 64, Mtu = 1400 });
        bed.Local.SetReceiver(17, new Answerer(bed.Router));
        List<(int Port, byte[] Frame, NetFrameOffload Offload)> frames = Make(bed);
        bed.Bed.Ports.ForEach(p => p.Queue.KeepsSent = false);
        Round(3);
        long sentBefore = bed.Bed.Ports.Sum(p => p.Queue.SentCount);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Round(100);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(0, allocated);
        Assert.True(bed.Bed.Ports.Sum(p => p.Queue.SentCount) - sentBefore > 100 * frames.Count);

        void Round(int times)
        {
            for (int i = 0; i < times; i++)
            {
                foreach ((int port, byte[] frame, NetFrameOffload offload) in frames)
                {
                    bed.Bed.Ports[port].Queue.Arrive(frame, offload);
                }

                bed.Now += 7;
                bed.Run();
            }
        }
    }

    private static List<(int Port, byte[] Frame, NetFrameOffload Offload)> Make(RouterBed bed)
    {
        var frames = new List<(int, byte[], NetFrameOffload)>();
        foreach (bool isIPv6 in (bool[])[false, true])
        {
            // Flows, with answers to them.
            foreach (byte protocol in (byte[])[6, 17, isIPv6 ? (byte)58 : (byte)1])
            {
                TestPacket packet = RouterBed.From(0, protocol, isIPv6);
                Add(0, packet);
                bed.Arrive(0, packet);
                frames.Add((RouterBed.Up, PassingTests.Answer(bed.TakeOne(RouterBed.Up).Bytes), default));
            }

            // Work, errors, fragments, the domain itself.
            TestPacket large = RouterBed.From(0, 6, isIPv6) with { Payload = new byte[8000], IsPartial = true, SourcePort = 7 };
            frames.Add((0, large.Build(), new()
            {
                Flags = NetFrameFlags.NeedsChecksum | (isIPv6 ? NetFrameFlags.SegmentTcp6 : NetFrameFlags.SegmentTcp4),
                SegmentSize = 1300,
                ChecksumStart = (ushort)large.TransportOffset,
                ChecksumOffset = 16,
            }));
            Add(0, RouterBed.From(0, 17, isIPv6) with { HopLimit = 1 });
            Add(0, RouterBed.From(0, 17, isIPv6) with { Payload = new byte[1440] });
            FragmentTests.Cut(RouterBed.From(0, 17, isIPv6) with { Payload = new byte[5000], Fragment = 0 }, 1200, 5).ForEach(f => frames.Add((0, f, default)));
            Add(0, RouterBed.From(0, isIPv6 ? (byte)58 : (byte)1, isIPv6) with { Destination = isIPv6 ? RouterBed.Gateway6 : RouterBed.Gateway4 });
            Add(1, RouterBed.From(1, 17, isIPv6) with { Source = isIPv6 ? RouterBed.Qubes6[0] : RouterBed.Qubes4[0] });
        }

        Add(0, RouterBed.From(0) with { Fragment = 0, Payload = new byte[1440] });
        Add(0, RouterBed.From(0) with { Destination = RouterBed.Dns4 });
        Add(0, RouterBed.From(0) with { Destination = RouterBed.Qubes4[1] });
        Add(0, RouterBed.From(0) with { Destination = "198.51.100.1" });
        Add(0, RouterBed.From(0) with { Destination = "192.0.2.99" });
        Add(0, Nd.Solicitation(RouterBed.Macs[0], RouterBed.Qubes6[0], RouterBed.Gateway6, RouterBed.Macs[0]));
        frames.Add((0, Arp.Request(RouterBed.Macs[0], RouterBed.Qubes4[0], RouterBed.Gateway4), default));
        frames.Add((RouterBed.Up, Arp.Request(RouterBed.NextHopMac, RouterBed.NextHop4, RouterBed.External4), default));
        return frames;

        void Add(int port, TestPacket packet) => frames.Add((port, packet.Build(), default));
    }

    private sealed class Answerer(IIpLayer layer) : IIpReceiver
    {
        public LocalDelivery Receive(in IpPacketInfo info, ReadOnlySpan<byte> payload)
        {
            layer.Send(info.Port, info.Destination, info.Source, info.Protocol, 64, payload);
            return LocalDelivery.Delivered;
        }

        public void ReceiveError(in IpErrorInfo error, ReadOnlySpan<byte> quoted)
        {
        }
    }
}
