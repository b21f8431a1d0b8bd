using Makatea.Platform;

namespace Makatea.Drivers.E1000.Tests;

/// <summary>Frames through QEMU's models, both ways.</summary>
[Trait("Category", "Device")]
public sealed class FrameTests
{
    [SkippableTheory]
    [InlineData(ModelBed.Em, true)]
    [InlineData(ModelBed.L, true)]
    [InlineData(ModelBed.L, false)]
    public void FramesOfAllSizesGoBothWays(string model, bool useInterrupts)
    {
        using ModelBed bed = ModelBed.Start(model, new() { UseInterrupts = useInterrupts });
        using ModelQueue queue = bed.OpenQueue();
        Assert.Equal(useInterrupts && model == ModelBed.L, queue.Queue.Events is not null);
        int[] sizes = [14, 16, 17, 59, 60, 61, 63, 64, 65, 127, 128, 255, 256, 257, 511, 512, 1023, 1024, 1025, 1500, 1513, 1514, .. Enumerable.Range(0, 40).Select(i => 60 + (i * 37))];
        int mark = bed.Mark;
        foreach (int size in sizes)
        {
            byte[] frame = Frame(size, TestFrames.Peer, size);
            int[] pieces = size > 100 ? [14, 20, size - 34] : [size];
            queue.Send(bed.Frame(size % 32, frame, default, pieces));

            // The driver pads what the controller would not; the rest a wire would, but QEMU's does not.
            byte[] sent = bed.Peer.Receive();
            Assert.Equal(frame, sent[..size]);
            Assert.Equal(size < 17 ? 60 : size, sent.Length);
            byte[] back = Frame(size, bed.Address, size + 1);
            bed.Peer.Send(back);
            byte[] received = queue.Receive(out NetFrameOffload offload);
            Assert.Equal([.. back, .. new byte[Math.Max(0, 60 - size)]], received);
            Assert.Equal(NetFrameFlags.None, offload.Flags);
            bed.Rewind(mark);
        }

        NetStatistics statistics = bed.Port.ReadStatistics();
        Assert.Equal(((ulong)sizes.Length, (ulong)sizes.Length), (statistics.TransmittedFrames, statistics.ReceivedFrames));
        Assert.Equal((ulong)sizes.Sum(), statistics.TransmittedBytes);
        Assert.Equal((ulong)sizes.Sum(s => Math.Max(s, 60)), statistics.ReceivedBytes);

        // The 82574L's model takes frames that are too short, and counts them as such.
        ulong undersize = model == ModelBed.L ? (ulong)sizes.Count(s => s < 60) : 0;
        Assert.Equal((0UL, undersize, 0UL, 0UL), (statistics.TransmitErrors, statistics.ReceiveErrors, statistics.ReceiveMissed, statistics.CopiedFrames));
    }

    [SkippableTheory]
    [InlineData(ModelBed.Em, 16000)]
    [InlineData(ModelBed.L, 9000)]
    public void LongFramesGoBothWays(string model, int mtu)
    {
        using ModelBed bed = ModelBed.Start(model, new() { Mtu = mtu });
        using ModelQueue queue = bed.OpenQueue();
        foreach (int size in (int[])[1515, 2047, 2048, 2049, 4095, 4096, 4097, 8192, mtu + 14])
        {
            byte[] frame = Frame(size, TestFrames.Peer, size);
            queue.Send(bed.Frame(0, frame));
            Assert.Equal(frame, bed.Peer.Receive());
            frame = Frame(size, bed.Address, size);
            bed.Peer.Send(frame);
            Assert.Equal(frame, queue.Receive());
        }
    }

    /// <summary>Rings of 32 and 64 descriptors go round a hundred times, in batches, with both directions at once.</summary>
    [SkippableTheory]
    [InlineData(ModelBed.Em)]
    [InlineData(ModelBed.L)]
    public async Task RingsWrap(string model)
    {
        const int Frames = 3200;
        using ModelBed bed = ModelBed.Start(model);
        using ModelQueue queue = bed.OpenQueue(buffers: 31);
        var credits = new SemaphoreSlim(16);
        Task sender = Task.Run(async () =>
        {
            for (int i = 0; i < Frames; i++)
            {
                await credits.WaitAsync();
                bed.Peer.Send(Frame(60 + (i % 1400), bed.Address, i));
            }
        });
        int mark = bed.Mark;
        int received = 0;
        for (int i = 0; i < Frames; i += 25)
        {
            queue.Send([.. Enumerable.Range(i, 25).Select(n => bed.Frame(n % 32, Frame(60 + (n % 1400), TestFrames.Peer, n)))]);
            bed.Rewind(mark);
            while (queue.Waiting > 0)
            {
                ReceiveNext();
            }
        }

        while (received < Frames)
        {
            ReceiveNext();
        }

        for (int i = 0; i < Frames; i++)
        {
            Assert.Equal(Frame(60 + (i % 1400), TestFrames.Peer, i), bed.Peer.Receive());
        }

        await sender;
        Assert.Equal(0UL, bed.Port.ReadStatistics().ReceiveMissed);

        void ReceiveNext()
        {
            Assert.Equal(Frame(60 + (received % 1400), bed.Address, received), queue.Receive());
            received++;
            credits.Release();
        }
    }

    /// <summary>
    /// Buffers run out and come back. The 82574L's model waits with what is on the wire; the 82540EM's waits first and then, when there are buffers again, loses what did not
    /// fit them. What arrives is in order and whole, and what does not is counted.
    /// </summary>
    [SkippableTheory]
    [InlineData(ModelBed.Em)]
    [InlineData(ModelBed.L)]
    public void FramesThatFindNoBufferAreCounted(string model)
    {
        const int Frames = 100;
        const int Buffers = 20;
        using ModelBed bed = ModelBed.Start(model);
        using ModelQueue queue = bed.OpenQueue(buffers: Buffers);
        bed.Peer.Send(Frame(64, bed.Address, -1));
        queue.Receive();
        queue.Withholds = true;
        for (int i = 0; i < Frames; i++)
        {
            bed.Peer.Send(Frame(64 + i, bed.Address, i));
        }

        for (int i = 0; i < Buffers; i++)
        {
            Assert.Equal(Frame(64 + i, bed.Address, i), queue.Receive());
        }

        Thread.Sleep(50);
        queue.Poll();
        Assert.Equal(0, queue.Waiting);
        queue.Withholds = false;
        queue.Poll();
        int last = Buffers - 1;
        for (int arrived = Buffers; arrived + (int)bed.Port.ReadStatistics().ReceiveMissed < Frames; arrived++)
        {
            byte[] frame = queue.Receive();
            int number = frame.Length - 64;
            Assert.True(number > last);
            Assert.Equal(Frame(frame.Length, bed.Address, number), frame);
            last = number;
        }

        ulong missed = bed.Port.ReadStatistics().ReceiveMissed;
        Assert.True(model == ModelBed.Em ? missed > 0 : missed == 0, $"{missed} were missed");

        // It goes on as before.
        bed.Peer.Send(Frame(200, bed.Address, 200));
        Assert.Equal(Frame(200, bed.Address, 200), queue.Receive());
    }

    /// <summary>The 82540EM's model loses a frame of several buffers where there are some, but too few.</summary>
    [SkippableFact]
    public void AFrameForWhichBuffersAreTooFewIsMissedAndCountedOnce()
    {
        using ModelBed bed = ModelBed.Start(ModelBed.Em, new() { Mtu = 9000 });
        using ModelQueue queue = bed.OpenQueue(buffers: 3);
        bed.Peer.Send(Frame(9000, bed.Address, 1));
        bed.Peer.Send(Frame(100, bed.Address, 2));
        Assert.Equal(Frame(100, bed.Address, 2), queue.Receive());
        Assert.Equal(1UL, bed.Port.ReadStatistics().ReceiveMissed);

        // That model does not clear the counter when it is read.
        Assert.Equal(1UL, bed.Port.ReadStatistics().ReceiveMissed);
        Assert.Equal(1UL, bed.Port.ReadStatistics().ReceivedFrames);
    }

    [SkippableTheory]
    [InlineData(ModelBed.Em)]
    [InlineData(ModelBed.L)]
    public void MemoryOutOfReachIsCopied(string model)
    {
        using ModelBed bed = ModelBed.Start(model);
        using var memory = new Makatea.Tests.E1000.LocalMemory(8192);
        Assert.Throws<DmaException>(() => bed.Port.AddMemory(memory));
        using NetQueue queue = bed.Port.OpenQueue(0, new() { ReceiveDepth = 4 });
        queue.Supply([new(memory.Slice(3, 2048), 2)]);
        byte[] frame = Frame(700, TestFrames.Peer, 1);
        frame.CopyTo(memory.Slice(5001, 700).AsSpan());
        Assert.Equal(1, queue.Transmit([bed.FrameOf(memory.Slice(5001, 700), 9)]));
        Assert.Equal(frame, bed.Peer.Receive());
        int[] tags = new int[2];
        while (queue.Reclaim(tags) == 0)
        {
            bed.Sleep(queue);
        }

        frame = Frame(1000, bed.Address, 2);
        bed.Peer.Send(frame);
        var received = new NetReceived[1];
        while (queue.Receive(received) == 0)
        {
            bed.Sleep(queue);
        }

        Assert.Equal((2, 1000), (received[0].Tag, received[0].Length));
        Assert.Equal(frame, memory.Slice(3, 1000).AsSpan().ToArray());
        Assert.Equal(2UL, bed.Port.ReadStatistics().CopiedFrames);
    }

    /// <summary>A frame of no protocol, its bytes by a seed.</summary>
    internal static byte[] Frame(int size, byte[] destination, int seed)
    {
        byte[] frame = new byte[size];
        new Random(seed).NextBytes(frame);
        destination.CopyTo(frame, 0);
        frame[12] = 0x88;
        frame[13] = 0xb5;
        return frame;
    }
}
