using System.Buffers.Binary;
using System.Diagnostics;
using Makatea.Platform;

namespace Makatea.Drivers.E1000.Tests;

/// <summary>The adapter around its rings: filters, link, queues, moderation, hangs, removal, on QEMU's models.</summary>
[Trait("Category", "Device")]
public sealed class AdapterTests
{
    [SkippableTheory]
    [InlineData(ModelBed.Em, 1)]
    [InlineData(ModelBed.L, 2)]
    public void IsWhatTheModelIs(string model, int queues)
    {
        using ModelBed bed = ModelBed.Start(model);
        NetPortInfo info = bed.Port.Info;
        Assert.Equal("52:54:00:12:34:56", info.Address.ToString());
        Assert.Equal((queues, true, 1000, false), (info.QueueCount, info.IsLinkUp, info.LinkSpeed, info.IsGone));
    }

    [SkippableTheory]
    [InlineData(ModelBed.Em)]
    [InlineData(ModelBed.L)]
    public void FramesAreFiltered(string model)
    {
        byte[] other = [0x52, 0x54, 0, 0xaa, 0xbb, 0xcc];
        byte[] third = [0x52, 0x54, 0, 0xaa, 0xbb, 0xcd];
        byte[] group = [1, 0, 0x5e, 0, 0, 0xfb];
        byte[] group6 = [0x33, 0x33, 0, 0, 0, 1];
        byte[] everybody = [.. Enumerable.Repeat((byte)0xff, 6)];
        using ModelBed bed = ModelBed.Start(model);
        using ModelQueue queue = bed.OpenQueue();
        Check(new());
        Check(new() { Unicast = [MacAddress.Read(other)] }, other);
        Check(new() { Multicast = [MacAddress.Read(group)] }, group);
        Check(new() { Multicast = [MacAddress.Read(group6)] }, group6);
        Check(new() { AllMulticast = true }, group, group6);
        Check(new() { Promiscuous = true }, other, third, group, group6);
        Check(new() { Unicast = [.. Enumerable.Range(0, 20).Select(i => new MacAddress(0x525400000000 + (ulong)i))] }, other, third);
        Check(new());

        void Check(NetFilter filter, params byte[][] further)
        {
            bed.Port.SetFilter(filter);
            byte[][] all = [other, third, group, group6, everybody, bed.Address];
            foreach (byte[] destination in all)
            {
                bed.Peer.Send(FrameTests.Frame(64, destination, 1));
            }

            foreach (byte[] destination in all.Where(d => d == everybody || d == bed.Address || further.Contains(d)))
            {
                Assert.Equal(FrameTests.Frame(64, destination, 1), queue.Receive());
            }

            Assert.Equal(0, queue.Waiting);
        }
    }

    [SkippableTheory]
    [InlineData(ModelBed.Em)]
    [InlineData(ModelBed.L)]
    public void TheLinkFlaps(string model)
    {
        using ModelBed bed = ModelBed.Start(model);
        using ModelQueue queue = bed.OpenQueue();
        for (int i = 0; i < 3; i++)
        {
            bed.SetLink(false);
            WaitForLink(isUp: false);
            queue.Send(bed.Frame(0, FrameTests.Frame(100, TestFrames.Peer, 1)), bed.Frame(1, FrameTests.Frame(100, TestFrames.Peer, 2)));
            Assert.Equal((ulong)(2 * (i + 1)), bed.Port.ReadStatistics().TransmitErrors);
            bed.SetLink(true);
            WaitForLink(isUp: true);
            Assert.Equal(1000, bed.Port.Info.LinkSpeed);
            queue.Send(bed.Frame(0, FrameTests.Frame(100 + i, TestFrames.Peer, i)));
            Assert.Equal(FrameTests.Frame(100 + i, TestFrames.Peer, i), bed.Peer.Receive());
            bed.Peer.Send(FrameTests.Frame(90 + i, bed.Address, i));
            Assert.Equal(FrameTests.Frame(90 + i, bed.Address, i), queue.Receive());
        }

        Assert.Equal(0UL, bed.Port.ReadStatistics().Resets);

        // With an interrupt a user that sleeps brings it about at once; without, it is seen within a second.
        void WaitForLink(bool isUp)
        {
            long start = Environment.TickCount64;
            while (bed.Port.Info.IsLinkUp != isUp)
            {
                bed.Sleep(queue.Queue);
                Assert.True(Environment.TickCount64 - start < 20_000, $"the link is not {(isUp ? "up" : "down")} after 20 s");
            }
        }
    }

    /// <summary>With the look-after a minute away, the change comes by the interrupt alone.</summary>
    [SkippableFact]
    public void TheLinkInterruptIsEnough()
    {
        using ModelBed bed = ModelBed.Start(ModelBed.L, new() { WatchInterval = TimeSpan.FromMinutes(1) });
        using ModelQueue queue = bed.OpenQueue();
        using var changed = new SemaphoreSlim(0);
        bed.Port.InfoChanged += () => changed.Release();
        foreach (bool isUp in (bool[])[false, true, false])
        {
            bed.SetLink(isUp);
            for (int i = 0; bed.Port.Info.IsLinkUp != isUp; i++)
            {
                bed.Sleep(queue.Queue);
                changed.Wait(100);
                Assert.True(i < 20);
            }
        }
    }

    [SkippableFact]
    public void FlowsAreSpreadOverTwoQueues()
    {
        using ModelBed bed = ModelBed.Start(ModelBed.L);
        using ModelQueue first = bed.OpenQueue(0, buffers: 100);
        ModelQueue second = bed.OpenQueue(1, buffers: 100);
        var queueOf = new Dictionary<ushort, int>();
        for (int round = 0; round < 3; round++)
        {
            for (ushort port = 1; port <= 40; port++)
            {
                bed.Peer.Send(TestFrames.Finish(TestFrames.Tcp4(100 + round, bed.Address, port: port), 34, 16));
            }

            long until = Environment.TickCount64 + 20_000;
            for (int arrived = 0; arrived < 40;)
            {
                foreach ((ModelQueue queue, int index) in (IEnumerable<(ModelQueue, int)>)[(first, 0), (second, 1)])
                {
                    queue.Poll();
                    for (; queue.Waiting > 0; arrived++)
                    {
                        byte[] frame = queue.Receive(out NetFrameOffload offload);
                        Assert.Equal(NetFrameFlags.ChecksumGood, offload.Flags);
                        ushort port = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(34));
                        Assert.Equal(index, queueOf.GetValueOrDefault(port, index));
                        queueOf[port] = index;
                    }
                }

                Assert.True(Environment.TickCount64 < until);
            }
        }

        Assert.Equal(40, queueOf.Count);
        Assert.InRange(queueOf.Count(q => q.Value == 1), 8, 32);

        // What is no flow goes to queue 0; both queues send, with checksums, one context for both.
        bed.Peer.Send(FrameTests.Frame(64, bed.Address, 5));
        Assert.Equal(FrameTests.Frame(64, bed.Address, 5), first.Receive());
        for (int i = 0; i < 20; i++)
        {
            ModelQueue queue = i % 2 == 0 ? first : second;
            byte[] udp = TestFrames.Udp4(100 + i);
            queue.Send(bed.Frame(0, udp, new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 6 }));
            Assert.Equal(TestFrames.Finish(udp, 34, 6), bed.Peer.Receive());
        }

        // Each queue sleeps at its own doorbell.
        ushort flowOf1 = queueOf.First(q => q.Value == 1).Key;
        bed.Sleep(second.Queue);
        bed.Peer.Send(TestFrames.Finish(TestFrames.Tcp4(60, bed.Address, port: flowOf1), 34, 16));
        Assert.Equal(114, second.Receive().Length);

        // When queue 1 is closed its flows come to queue 0.
        second.Dispose();
        bed.Peer.Send(TestFrames.Finish(TestFrames.Tcp4(70, bed.Address, port: flowOf1), 34, 16));
        Assert.Equal(124, first.Receive().Length);
    }

    /// <summary>Each frame comes a moment after the queue went to sleep: the model sends at most two messages in an interval, one at its start and one at its end.</summary>
    [SkippableFact]
    public void InterruptsAreModerated()
    {
        Assert.False(IsTooOften(TimeSpan.FromMilliseconds(16)));

        // That this says something shows where nothing is moderated, unless the host was too busy.
        Assert.Contains(Enumerable.Range(0, 5), _ => IsTooOften(TimeSpan.Zero));

        static bool IsTooOften(TimeSpan interval)
        {
            using ModelBed bed = ModelBed.Start(ModelBed.L, new() { InterruptInterval = interval });
            using ModelQueue queue = bed.OpenQueue();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < 60; i++)
            {
                byte[] frame = FrameTests.Frame(64, bed.Address, i);
                Task sending = Task.Run(() =>
                {
                    Thread.Sleep(1);
                    bed.Peer.Send(frame);
                });
                Assert.Equal(frame, queue.Receive());
                sending.Wait();
            }

            return bed.Wakes > 4 + (2 * Stopwatch.GetElapsedTime(start).TotalMilliseconds / 16);
        }
    }

    /// <summary>Somebody stopped the transmitter: the adapter is reset within two looks, frames that were lost are given back, and all goes on.</summary>
    [SkippableTheory]
    [InlineData(ModelBed.Em)]
    [InlineData(ModelBed.L)]
    public void AnAdapterThatStandsStillIsReset(string model)
    {
        using ModelBed bed = ModelBed.Start(model);
        using ModelQueue queue = bed.OpenQueue();
        bed.Port.SetFilter(new() { AllMulticast = true });
        queue.Send(bed.Frame(0, FrameTests.Frame(100, TestFrames.Peer, 1)));
        bed.Peer.Receive();
        bed.Registers.WriteUInt32(Register.TransmitControl, 0);
        queue.Send(bed.Frame(0, FrameTests.Frame(100, TestFrames.Peer, 2)), bed.Frame(1, FrameTests.Frame(100, TestFrames.Peer, 3)));
        NetStatistics statistics = bed.Port.ReadStatistics();
        Assert.Equal((1UL, 2UL, 1UL), (statistics.Resets, statistics.TransmitErrors, statistics.TransmittedFrames));
        byte[] udp = TestFrames.Udp4(50);
        queue.Send(bed.Frame(0, udp, new() { Flags = NetFrameFlags.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = 6 }));
        Assert.Equal(TestFrames.Finish(udp, 34, 6), bed.Peer.Receive());
        byte[] group = FrameTests.Frame(100, [1, 0, 0x5e, 0, 0, 1], 4);
        for (int i = 0; i < 80; i++)
        {
            bed.Peer.Send(group);
            Assert.Equal(group, queue.Receive());
        }
    }

    /// <summary>Pulled out of its slot while frames go both ways: every tag comes back, the port says that it is gone, and the next one in the slot works.</summary>
    [SkippableFact]
    public void AnAdapterThatIsPulledOutIsGone()
    {
        using ModelBed bed = ModelBed.Start(ModelBed.L, isInSlot: true);
        ModelQueue queue = bed.OpenQueue();
        int mark = bed.Mark;
        bool isPulled = false;
        for (int round = 0; !bed.Port.Info.IsGone; round++)
        {
            queue.Send([.. Enumerable.Range(0, 20).Select(i => bed.Frame(i, FrameTests.Frame(300, TestFrames.Peer, i)))]);
            bed.Rewind(mark);
            if (round == 20)
            {
                bed.Machine.Unplug("nic");
                isPulled = true;
            }

            Assert.True(round < 1_000_000);
        }

        Assert.True(isPulled);
        Assert.False(bed.Port.Info.IsLinkUp);
        queue.Send(bed.Frame(0, FrameTests.Frame(300, TestFrames.Peer, 1)));
        Assert.Equal(DoorbellWaiter.Forever, queue.Queue.Arm());
        Assert.True(bed.Port.ReadStatistics().TransmitErrors > 0);
        queue.Dispose();
    }

    [SkippableTheory]
    [InlineData(ModelBed.Em)]
    [InlineData(ModelBed.L)]
    public void QueuesAreClosedAndOpenedAgain(string model)
    {
        using ModelBed bed = ModelBed.Start(model);
        for (int i = 1; i <= 3; i++)
        {
            using ModelQueue queue = bed.OpenQueue(depth: 8 * i, buffers: (16 * i) - 1, bufferLength: 256 << i);
            for (int n = 0; n < 30; n++)
            {
                queue.Send(bed.Frame(n % 8, FrameTests.Frame(1000, TestFrames.Peer, n)));
                Assert.Equal(FrameTests.Frame(1000, TestFrames.Peer, n), bed.Peer.Receive());
                bed.Peer.Send(FrameTests.Frame(1400, bed.Address, n));
                Assert.Equal(FrameTests.Frame(1400, bed.Address, n), queue.Receive());
            }
        }

        Assert.Equal((90UL, 90UL), (bed.Port.ReadStatistics().TransmittedFrames, bed.Port.ReadStatistics().ReceivedFrames));
    }
}
