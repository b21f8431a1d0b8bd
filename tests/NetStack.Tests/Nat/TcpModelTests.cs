namespace Makatea.NetStack.Tests;

/// <summary>Honest connections, seen from their middle: whatever is lost, late or doubled on either side, no segment that is of use is taken for a stranger's, and the end is seen.</summary>
public sealed class TcpModelTests
{
    private const int Turns = 5_000;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void No_segment_that_an_honest_connection_needs_is_refused(int seed)
    {
        var random = new Random(seed);
        int loss = random.Next(3) * 3;
        int jitter = random.Next(3) * 4;
        int twice = random.Next(3) * 3;
        bool isPickedUp = seed % 10 == 9;
        TcpHostModel client = Host(random);
        TcpHostModel server = Host(random);
        var flow = new FlowRecord { Original = new(default, default, 1, 2, 6) };

        // Four ways: each side to the middle, and the middle to each side.
        List<(int At, TcpWire Wire)>[] ways = [[], [], [], []];
        int now = 0;
        int seen = 0;
        int refused = 0;

        void Send(int way, TcpWire wire)
        {
            for (int copies = random.Next(100) < twice ? 2 : 1; copies > 0; copies--)
            {
                if (random.Next(100) >= loss)
                {
                    ways[way].Add((now + 1 + random.Next(jitter + 1), wire));
                }
            }
        }

        Assert.True(TcpTracking.TryBegin(ref flow, client.Syn(isAnswer: false).Read(), mayPickUp: false));
        server.Open(client.Syn(isAnswer: false));
        Assert.True(TcpTracking.TryFollow(ref flow, server.Syn(isAnswer: true).Read(), isReply: true));
        client.Open(server.Syn(isAnswer: true));
        TcpWire third = client.Ack();
        Assert.True(TcpTracking.TryFollow(ref flow, third.Read(), isReply: false));
        server.Receive(third);
        Assert.Equal(FlowState.Established, flow.State);
        for (; now < Turns && !(client.IsDone && server.IsDone); now++)
        {
            if (isPickedUp && now == 50)
            {
                // The table was lost: the client's next segment begins a flow anew.
                flow = new() { Original = flow.Original };
            }

            for (int way = 0; way < 4; way++)
            {
                foreach ((int _, TcpWire wire) in ways[way].Where(w => w.At <= now).ToArray())
                {
                    ways[way].Remove(ways[way].First(w => w.Wire == wire && w.At <= now));
                    if (way >= 2)
                    {
                        TcpHostModel to = way == 2 ? server : client;
                        if (to.Receive(wire))
                        {
                            Send(way == 2 ? 1 : 0, to.Ack());
                        }

                        continue;
                    }

                    bool isReply = way == 1;
                    if (flow.State == 0 && (isReply || !TcpTracking.TryBegin(ref flow, wire.Read(), mayPickUp: true)))
                    {
                        continue;
                    }

                    seen++;
                    if (TcpTracking.TryFollow(ref flow, wire.Read(), isReply))
                    {
                        Send(way + 2, wire);
                    }
                    else
                    {
                        // One that was under way for long, and is of no use any more.
                        refused++;
                        Assert.True((isReply ? client : server).Knows(wire), $"turn {now}, {(isReply ? "server" : "client")}: {wire}");
                    }
                }
            }

            bool isTimeout = now % 40 == 39;
            foreach (TcpWire wire in client.Send(isTimeout))
            {
                Send(0, wire);
            }

            foreach (TcpWire wire in server.Send(isTimeout))
            {
                Send(1, wire);
            }

            if (random.Next(4) == 0)
            {
                client.Read();
                server.Read();
            }
        }

        Assert.True(client.IsDone && server.IsDone, $"turn {now}");

        // Of one that was taken up in its midst, what went before is not known.
        Assert.True(isPickedUp || flow.State == FlowState.TimeWait);
        Assert.InRange(refused, 0, jitter + twice == 0 ? 0 : seen / 10);
        Assert.True(seen > 20 && (loss == 0 || client.Repeats + server.Repeats > 0));
    }

    private static TcpHostModel Host(Random random)
    {
        (int capacity, int mostScale) = random.Next(3) switch { 0 => (4000, 1), 1 => (60_000, 5), _ => (400_000, 8) };
        return new(random, (uint)random.NextInt64(uint.MaxValue), capacity, random.Next(3) == 0 ? -1 : random.Next(mostScale + 1), random.Next(50_000, 200_000));
    }
}
