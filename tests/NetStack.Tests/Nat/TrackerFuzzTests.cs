using static Makatea.NetStack.Tests.NatBed;

namespace Makatea.NetStack.Tests;

/// <summary>Damaged and cut packets, from all sides: each gets a verdict, what is dropped is not touched, and what goes on has changed in its headers alone.</summary>
public sealed class TrackerFuzzTests
{
    private const int Packets = 200_000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Damaged_packets_do_no_harm(int seed)
    {
        using var bed = new NatBed(options: new() { Secret = (uint)seed, Flows = 64, FlowsPerQube = 40, Qubes = 3 });
        bed.Tracker.Publish([new(6, 8080, 8090, TestPacket.Ip(Qubes4[1]), 80), new(17, 1, 2000, TestPacket.Ip(Qubes6[2]), 1)]);
        bed.Tracker.SetRules(0, bed.Rules($"action=accept dst4={External4};action=accept dst4={Qubes4[1]};action=accept"), bed.Now);
        List<TestPacket> corpus = Corpus(bed);
        var random = new Random(seed);
        int[] verdicts = new int[16];
        byte[] frame = new byte[2048];
        byte[] before = new byte[2048];
        for (int i = 0; i < Packets; i++)
        {
            TestPacket packet = corpus[random.Next(corpus.Count)];
            byte[] built = packet.Build();
            random.NextBytes(frame);
            built.CopyTo(frame, 0);
            int length = built.Length - 14;
            for (int damage = random.Next(4); damage > 0; damage--)
            {
                int at = 14 + random.Next(random.Next(1, length + 1));
                frame[at] = random.Next(3) switch { 0 => (byte)random.Next(256), 1 => (byte)(frame[at] ^ (1 << random.Next(8))), _ => (byte)(random.Next(2) * 255) };
            }

            // The router vouches for the IP header alone; from the transport header on anything may be missing.
            int transport = packet.TransportOffset - 14;
            frame[14] = built[14];
            length = random.Next(4) == 0 ? transport + random.Next(length - transport + 1) : length;
            frame.CopyTo(before, 0);
            var flow = new FlowPacket
            {
                Bytes = frame.AsSpan(14, length),
                Length = length + random.Next(2) * random.Next(60_000),
                Protocol = random.Next(50) == 0 ? (byte)random.Next(256) : packet.Protocol,
                TransportOffset = transport,
                IsPartialChecksum = random.Next(4) == 0,
            };
            int from = random.Next(3);
            FlowDecision decision = random.Next(3) switch
            {
                0 => bed.Tracker.Outbound(from, flow, bed.Now),
                1 => bed.Tracker.Inbound(flow, bed.Now),
                _ => bed.Tracker.Between(from, (from + 1) % 3, flow, bed.Now),
            };
            verdicts[(int)decision.Verdict]++;
            if (decision.Verdict == FlowVerdict.Forward)
            {
                bed.Tracker.Translate(decision, flow);

                // Length, hop limit and all that is not address, port or checksum stay; an error's quotation ends with a transport header.
                int most = transport + 8 + 40 + 60 + 20;
                Assert.True(frame.AsSpan(14 + Math.Min(most, length)).SequenceEqual(before.AsSpan(14 + Math.Min(most, length))));
                Assert.Equal(before[14..24], frame[14..24].Select((b, at) => at is 8 or 9 && packet.IsIPv6 ? before[14 + at] : b));
            }
            else
            {
                Assert.True(frame.AsSpan().SequenceEqual(before));
            }

            bed.Now += random.Next(20);
            if (i % 100 == 0)
            {
                bed.Tracker.Tick(bed.Now);
                Assert.InRange(bed.Tracker.Count, 0, 64);
            }
        }

        foreach (FlowVerdict verdict in (FlowVerdict[])[FlowVerdict.Forward, FlowVerdict.Local, FlowVerdict.Rejected, FlowVerdict.Malformed, FlowVerdict.Invalid])
        {
            Assert.True(verdicts[(int)verdict] > Packets / 1000, $"{verdict}: {verdicts[(int)verdict]}");
        }
    }

    private static List<TestPacket> Corpus(NatBed bed)
    {
        var corpus = new List<TestPacket>();
        foreach ((byte protocol, bool isIPv6) in ((byte, bool)[])[(17, false), (6, false), (1, false), (17, true), (6, true), (58, true), (47, false)])
        {
            for (int qube = 0; qube < 3; qube++)
            {
                TestPacket packet = From(qube, protocol, isIPv6) with { TcpFlags = 2, TcpOptions = [2, 4, 5, 180, 1, 3, 3, 7], SourcePort = (ushort)(1500 + qube), Raw = protocol == 47 ? [0, 0, 8, 0, 1, 2, 3, 4] : null };
                Seen sent = bed.Outbound(qube, packet);
                corpus.AddRange([packet, packet with { TcpFlags = 16, Acknowledged = 1 }, packet with { TcpFlags = 4 }, packet with { TcpFlags = 17 }]);
                corpus.Add(packet with { Destination = isIPv6 ? Qubes6[(qube + 1) % 3] : Qubes4[(qube + 1) % 3] });
                corpus.Add(packet with { Destination = isIPv6 ? External6 : External4, DestinationPort = 8080 });
                if (sent.Verdict == FlowVerdict.Forward)
                {
                    corpus.AddRange([sent.Answer, sent.Answer with { TcpFlags = 0x12, Acknowledged = 1006 }, sent.Answer with { DestinationPort = 8085 }]);
                    byte[] message = [(byte)(isIPv6 ? 1 : 3), 1, 0, 0, 0, 0, 0, 0, .. sent.Frame[14..]];
                    corpus.Add(sent.Answer with { Protocol = (byte)(isIPv6 ? 58 : 1), Raw = message });
                }
            }
        }

        return corpus;
    }
}
