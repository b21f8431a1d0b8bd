using System.Runtime.InteropServices;
using Makatea.Platform;

namespace Makatea.NetStack.Tests;

/// <summary>
/// Frames that are right, damaged, cut, and nonsense, at all ports and with all kinds of work left to do: nothing is thrown, no buffer is lost (the bed looks at its end), and what a qube
/// gets comes from the domain's MAC address and is for it.
/// </summary>
public sealed class RouterFuzzTests
{
    private static readonly NetPortInfo _offloading = new() { Address = RouterBed.UplinkMac, IsLinkUp = true, MaxSegments = 64, Transmit = (NetOffloads)0x7f, MaxSegmentedLength = FramePool.MaxLength };

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(4, true)]
    public void Nothing_that_comes_does_harm(int seed, bool isOffloading)
    {
        using var bed = new RouterBed(rules: "action=accept dst4=10.137.0.6/32;action=accept", options: new(), uplink: isOffloading ? _offloading : null, guest: isOffloading ? _offloading : null);
        bed.Local.SetReceiver(17, new Echo(bed.Router));
        var random = new Random(seed);
        for (int i = 0; i < 15_000; i++)
        {
            int port = random.Next(3);
            byte[] frame = Make(random, port);
            for (int changes = random.Next(4) == 0 ? random.Next(6) : 0; changes > 0 && frame.Length > 0; changes--)
            {
                // Headers more than what they carry.
                frame[random.Next(Math.Min(frame.Length, random.Next(14, 120)))] = (byte)(random.Next(3) == 0 ? 0xff : random.Next(256));
            }

            if (random.Next(8) == 0)
            {
                frame = frame[..random.Next(frame.Length + 1)];
            }

            if (frame.Length >= 74 && frame[12] == 8 && frame[13] == 0 && random.Next(4) != 0)
            {
                // So that not the checksum alone finds the damage.
                IPv4Header.WriteChecksum(frame.AsSpan(14, Math.Max(20, (frame[14] & 15) * 4)));
            }

            bed.Arrive(port, frame, Offload(random, frame));
            bed.Now += random.Next(3) == 0 ? random.Next(200) : 0;
            Look(bed);
        }

        Assert.All(bed.Guests, guest => Assert.True(guest.Counters.SentFrames > 100));
        Assert.True(bed.Uplink.Counters.SentFrames > 100);
    }

    private static void Look(RouterBed bed)
    {
        for (int port = 0; port < 2; port++)
        {
            foreach (Makatea.Tests.Net.SentFrame sent in bed.TakeSent(port))
            {
                Assert.Equal(RouterBed.Macs[port], MacAddress.Read(sent.Bytes) is { IsMulticast: true } ? RouterBed.Macs[port] : MacAddress.Read(sent.Bytes));
                Assert.Equal(RouterBed.GatewayMac, MacAddress.Read(sent.Bytes.AsSpan(6)));
            }
        }

        Assert.All(bed.TakeSent(RouterBed.Up), sent => Assert.Equal(RouterBed.UplinkMac, MacAddress.Read(sent.Bytes.AsSpan(6))));
    }

    private static byte[] Make(Random random, int port)
    {
        bool isIPv6 = random.Next(2) == 0;
        byte[] protocols = [6, 17, isIPv6 ? (byte)58 : (byte)1, (byte)random.Next(256)];
        TestPacket packet = port == RouterBed.Up ? RouterBed.FromOutside(protocols[random.Next(4)], isIPv6) : RouterBed.From(port, protocols[random.Next(4)], isIPv6);
        byte[] payload = new byte[random.Next(8) == 0 ? random.Next(30_000) : random.Next(1300)];
        random.NextBytes(payload);
        packet = packet with
        {
            Payload = payload,
            DestinationPort = (ushort)(random.Next(4) == 0 ? random.Next(65_536) : 53),
            SourcePort = (ushort)(random.Next(4) == 0 ? random.Next(65_536) : 40_000),
            TcpFlags = (byte)(random.Next(2) == 0 ? 0x02 : random.Next(256)),
            TcpOptions = random.Next(3) == 0 ? new byte[4 * random.Next(11)] : [],
            HopLimit = (byte)(random.Next(10) == 0 ? random.Next(3) : 64),
            Fragment = (ushort)(random.Next(5) == 0 ? random.Next(65_536) : random.Next(2) * 0x4000),
            IsPartial = random.Next(2) == 0,
            Vlan = random.Next(50) == 0 ? (ushort)1 : null,
        };
        if (port != RouterBed.Up && random.Next(4) == 0)
        {
            string[] destinations = isIPv6 ? [RouterBed.Gateway6, RouterBed.Qubes6[1], RouterBed.External6, "ff02::1"] : [RouterBed.Gateway4, RouterBed.Dns4, RouterBed.Qubes4[1], RouterBed.External4, "255.255.255.255"];
            packet = packet with { Destination = destinations[random.Next(destinations.Length)] };
        }

        MacAddress own = port == RouterBed.Up ? RouterBed.NextHopMac : RouterBed.Macs[port];
        switch (random.Next(10))
        {
            case 0:
                return Arp.Make((byte)random.Next(1, 3), own, port == RouterBed.Up ? RouterBed.NextHop4 : RouterBed.Qubes4[port], MacAddress.Broadcast, default, random.Next(2) == 0 ? RouterBed.External4 : RouterBed.Gateway4);
            case 1:
                string source = port == RouterBed.Up ? RouterBed.NextHop6 : RouterBed.LinkLocals[port];
                return (random.Next(2) == 0
                    ? Nd.Solicitation(own, source, random.Next(2) == 0 ? RouterBed.External6 : RouterBed.Gateway6, own)
                    : Nd.Advertisement(own, source, RouterBed.GatewayMac, RouterBed.Gateway6)).Build();
            case 2 when packet.IsIPv6:
                // Extension headers of any kind.
                byte[] chain = new byte[8 * random.Next(1, 8)];
                random.NextBytes(chain);
                chain[1] = (byte)random.Next(3);
                return (packet with { FirstExtension = new byte[] { 0, 43, 44, 60 }[random.Next(4)], Options = chain }).Build();
            case 3:
                List<byte[]> fragments = FragmentTests.Cut(packet with { Fragment = 0 }, 8 * random.Next(1, 180), (uint)random.Next(3));
                return fragments[random.Next(fragments.Count)];
            case 4 when !packet.IsIPv6:
                byte[] options = new byte[4 * random.Next(1, 11)];
                random.NextBytes(options);
                return (packet with { Options = options }).Build();
            case 5:
                byte[] noise = new byte[random.Next(3000)];
                random.NextBytes(noise);
                return noise;
            default:
                return packet.Build();
        }
    }

    private static NetFrameOffload Offload(Random random, byte[] frame)
    {
        NetFrameOffload offload = default;
        if (random.Next(3) == 0)
        {
            return offload;
        }

        if (random.Next(8) == 0)
        {
            random.NextBytes(MemoryMarshal.AsBytes(new Span<NetFrameOffload>(ref offload)));
            return offload;
        }

        bool isIPv6 = frame.Length > 20 && frame[12] == 0x86;
        byte protocol = frame.Length < 24 ? (byte)0 : frame[isIPv6 ? 20 : 23];
        offload.ChecksumStart = (ushort)(isIPv6 ? 54 : 34);
        offload.ChecksumOffset = (ushort)(protocol == 6 ? 16 : protocol == 17 ? 6 : 2);
        offload.Flags = NetFrameFlags.NeedsChecksum;
        if (random.Next(2) == 0)
        {
            offload.Flags |= (protocol == 6, isIPv6) switch
            {
                (true, false) => NetFrameFlags.SegmentTcp4,
                (true, true) => NetFrameFlags.SegmentTcp6,
                (false, false) => NetFrameFlags.SegmentUdp4,
                _ => NetFrameFlags.SegmentUdp6,
            };
            offload.SegmentSize = (ushort)random.Next(random.Next(2) == 0 ? 1448 : 65_536);
            offload.HeaderLength = (ushort)random.Next(200);
        }

        return offload;
    }

    /// <summary>Sends back what it gets.</summary>
    private sealed class Echo(IIpLayer layer) : IIpReceiver
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
