using Makatea.Drivers.E1000;
using Makatea.Platform;
using Makatea.Platform.Linux;
using Makatea.Tests.Traffic;

namespace Makatea.E1000Traffic;

/// <summary>An exchange of frames over both queues of an adapter, a thread for each.</summary>
internal sealed class Exchange
{
    /// <summary>The number of frames is a multiple of this: flows times queues, some.</summary>
    public const int Multiple = 16;

    /// <summary>Queues.</summary>
    public const int Queues = 2;

    private readonly uint[] _expected = new uint[TrafficFrame.Flows];
    private readonly uint[] _received = new uint[Queues];
    private readonly uint[] _acknowledged = new uint[Queues];
    private uint _wrong;
    private volatile Exception? _failure;

    private Exchange(uint count, byte[] adapter)
    {
        Count = count;
        Adapter = adapter;
        for (uint i = 0; i < TrafficFrame.Flows; i++)
        {
            _expected[i] = i;
        }
    }

    /// <summary>Frames each way.</summary>
    public uint Count { get; }

    /// <summary>The adapter's address.</summary>
    public byte[] Adapter { get; }

    /// <summary>Frames received by both queues.</summary>
    public uint Received => Volatile.Read(ref _received[0]) + Volatile.Read(ref _received[1]);

    /// <summary>What the peer knows of that.</summary>
    public uint Reported { get; set; }

    /// <summary>Somebody failed.</summary>
    public bool HasFailed => _failure is not null;

    /// <summary>Takes the function, exchanges the frames, and says what happened.</summary>
    public static void Run(PciAddress address, uint count)
    {
        using VfioBinding binding = VfioBinding.Bind(address);
        Console.WriteLine(binding.Description);
        using VfioDmaSpace space = VfioDmaSpace.Create();
        using E1000Port port = E1000Port.Open(space.Open(address));
        Require(port.Info.QueueCount == Queues, $"{port.Info.QueueCount} queues");
        byte[] adapter = new byte[MacAddress.Length];
        port.Info.Address.Write(adapter);
        var exchange = new Exchange(count, adapter);

        // QEMU's adapters drop frames silently of which a piece crosses into a page that is not the next one in the machine's memory too, and reaches it by their IOMMU (net_tx_pkt's
        // mapping ends there). Huge pages are in one piece.
        const int HugePage = 2 << 20;
        using Grant grant = new LinuxHost().CreateMemory("frames", ((Queues * TrafficQueue.MemoryLength) + HugePage - 1) & ~(HugePage - 1ul), HugePage);
        using MappedMemory memory = grant.Map(0, Queues * TrafficQueue.MemoryLength, MemoryAccess.ReadWrite);
        port.AddMemory(memory);
        using var first = new TrafficQueue(exchange, port, 0, memory);
        using var second = new TrafficQueue(exchange, port, 1, memory);
        first.Other = second;
        second.Other = first;
        while (!port.Info.IsLinkUp)
        {
            Thread.Sleep(10);
        }

        long started = TimeProvider.System.GetTimestamp();
        Thread[] threads = [new(() => exchange.Guarded(first)), new(() => exchange.Guarded(second))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        if (exchange._failure is { } failure)
        {
            throw new InvalidOperationException($"{failure.Message}\n{exchange}\n{port.ReadStatistics()}", failure);
        }

        TimeSpan time = TimeProvider.System.GetElapsedTime(started);
        NetStatistics statistics = port.ReadStatistics();
        Require(statistics is { ReceiveMissed: 0, ReceiveErrors: 0, TransmitErrors: 0, CopiedFrames: 0, Resets: 0 }, statistics.ToString());
        Require(statistics.TransmittedFrames >= count && statistics.ReceivedFrames >= count, statistics.ToString());
        Require(exchange._wrong == count / TrafficFrame.WrongEvery, $"{exchange._wrong} checksums were wrong");
        Console.WriteLine($"ok: {exchange} in {time.TotalSeconds:f1} s; queue 1 received {exchange._received[1]}, {exchange._wrong} checksums were wrong as they should; slept {first.Sleeps} and {second.Sleeps} times; {statistics}");
    }

    /// <summary>Goes on only where something holds.</summary>
    public static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidOperationException($"failed: {otherwise}");
        }
    }

    /// <summary>Frames of a queue that the peer has.</summary>
    public uint Acknowledged(int queue) => Volatile.Read(ref _acknowledged[queue]);

    /// <summary>Checks a frame that a queue received.</summary>
    public void Take(int queue, ReadOnlySpan<byte> frame, in NetFrameOffload offload)
    {
        Require(TrafficFrame.TryReadInfo(frame, out uint number, out uint report0, out uint report1), $"a frame of {frame.Length} bytes is none of the peer's");
        int flow = TrafficFrame.FlowOf(number);
        Require(TrafficFrame.IsAsSent(frame, number, fromPeer: true, Adapter, report0, report1), $"frame {number} of {frame.Length} bytes was changed: {Convert.ToHexString(frame[..Math.Min(100, frame.Length)])}");
        NetFrameFlags flags = TrafficFrame.IsWrong(number) ? NetFrameFlags.ChecksumBad : NetFrameFlags.ChecksumGood;
        ushort vlan = TrafficFrame.VlanOf(flow);
        flags |= vlan != 0 ? NetFrameFlags.HasVlanTag : NetFrameFlags.None;
        Require(offload.Flags == flags && offload.VlanTag == vlan, $"frame {number} is said to be {offload.Flags}, VLAN {offload.VlanTag}; it is {flags}, {vlan}");
        if (number != TrafficFrame.ReportOnly)
        {
            Require(number == _expected[flow], $"frame {number} came where {_expected[flow]} was to come");
            _expected[flow] += TrafficFrame.Flows;
            Interlocked.Add(ref _wrong, TrafficFrame.IsWrong(number) ? 1u : 0);
            Volatile.Write(ref _received[queue], _received[queue] + 1);
        }

        Raise(ref _acknowledged[0], report0);
        Raise(ref _acknowledged[1], report1);
    }

    public override string ToString() => $"received {Received} of {Count} frames, {Acknowledged(0) + Acknowledged(1)} were received by the peer";

    private static void Raise(ref uint place, uint value)
    {
        uint seen = Volatile.Read(ref place);
        while (seen < value)
        {
            uint now = Interlocked.CompareExchange(ref place, value, seen);
            if (now == seen)
            {
                return;
            }

            seen = now;
        }
    }

    private void Guarded(TrafficQueue queue)
    {
        try
        {
            queue.Run();
        }
        catch (Exception e)
        {
            _failure ??= e;
            queue.Other.Wake();
        }
    }
}
