using Makatea.Drivers.Pci;
using Makatea.EmulatedDevices;
using Makatea.Platform;
using Makatea.Platform.Linux;

namespace Makatea.Drivers.E1000.Tests;

/// <summary>
/// A port on one of QEMU's models behind VT-d, with a wire whose other end is the test's. <c>e1000</c> is an 82540EM, which can only be polled here; <c>e1000e</c> is an 82574L with MSI-X.
/// </summary>
internal sealed class ModelBed : IDisposable
{
    public const string Em = "e1000";
    public const string L = "e1000e";

    private const int WireDescriptor = 16;
    private const uint EthernetClass = 0x020000;
    private const int MemoryLength = 32 << 20;
    private readonly EmulatedFunction _device;
    private readonly DmaMemory _memory;
    private readonly NativeArray<MemorySegment> _segments = new(16384);
    private readonly DoorbellWaiter _waiter = new LinuxHost().CreateWaiter();
    private int _nextByte;
    private int _nextSegment;

    private ModelBed(EmulatedFunction device, SocketPeer peer, E1000Options? options)
    {
        _device = device;
        Peer = peer;
        Registers = device.Function.MapBar(0);
        Port = E1000Port.Open(device.Function, options);
        Address = new byte[6];
        Port.Info.Address.Write(Address);
        _memory = device.Function.Dma.Allocate(MemoryLength);
    }

    public QemuMachine Machine => _device.Machine;

    public SocketPeer Peer { get; }

    public PciHost Host => _device.Host;

    /// <summary>The adapter's registers, behind the driver's back.</summary>
    public RegisterSpace Registers { get; }

    public E1000Port Port { get; }

    /// <summary>The adapter's address.</summary>
    public byte[] Address { get; }

    /// <summary>Times that a queue's doorbell rang while <see cref="Sleep"/> waited for it.</summary>
    public int Wakes { get; private set; }

    public static ModelBed Start(string model, E1000Options? options = null, bool isInSlot = false)
    {
        var peer = SocketPeer.Create();
        try
        {
            string device = $"{model},id=nic,netdev=n0,mac=52:54:00:12:34:56";
            var machine = new EmulatedFunction(
                new()
                {
                    Memory = 64 << 20,
                    Arguments = ["-netdev", $"socket,id=n0,fd={WireDescriptor}"],
                    Devices = isInSlot ? ["pcie-root-port,id=root1,chassis=1", device + ",bus=root1"] : [device],
                    Descriptors = new Dictionary<int, System.Runtime.InteropServices.SafeHandle> { [WireDescriptor] = peer.Theirs.SafeHandle },
                },
                EthernetClass);
            try
            {
                // Closed here, so that the wire ends with QEMU.
                peer.Theirs.Dispose();
                return new(machine, peer, options);
            }
            catch
            {
                machine.Dispose();
                throw;
            }
        }
        catch
        {
            peer.Dispose();
            throw;
        }
    }

    /// <summary>Opens queue 0 with buffers for received frames.</summary>
    public ModelQueue OpenQueue(int index = 0, int depth = 32, int buffers = 31, int bufferLength = 2048)
    {
        NetQueue queue = Port.OpenQueue(index, new() { TransmitDepth = depth, ReceiveDepth = buffers, ReceiveBufferLength = bufferLength });
        if (queue.Events is { } events)
        {
            _waiter.Add(events, index);
        }

        return new(this, queue, [.. Enumerable.Range(0, buffers).Select(tag => new NetBuffer(Take(bufferLength), tag))]);
    }

    public MemorySegment Take(int length)
    {
        MemorySegment segment = _memory.Slice((ulong)_nextByte, length);
        _nextByte += length;
        return segment;
    }

    /// <summary>A frame in memory that the model reaches, of consecutive pieces.</summary>
    public NetFrame Frame(int tag, ReadOnlySpan<byte> bytes, NetFrameOffload offload = default, params int[] pieces)
    {
        pieces = pieces.Length == 0 ? [bytes.Length] : pieces;
        int first = _nextSegment;
        int start = 0;
        foreach (int piece in pieces)
        {
            MemorySegment segment = Take(piece);
            bytes.Slice(start, piece).CopyTo(segment.AsSpan());
            start += piece;
            _segments[_nextSegment++] = segment;
        }

        return new() { Data = ScatterList.Of(_segments, first, pieces.Length), Length = bytes.Length, Tag = tag, Offload = offload };
    }

    public NetFrame FrameOf(MemorySegment memory, int tag)
    {
        _segments[_nextSegment] = memory;
        return new() { Data = ScatterList.Of(_segments, _nextSegment++, 1), Length = memory.Length, Tag = tag };
    }

    /// <summary>Forgets all frames, so that their memory can be used again.</summary>
    public void Rewind(int mark) => (_nextByte, _nextSegment) = (mark, 0);

    public int Mark => _nextByte;

    /// <summary>Sleeps as a user of a queue does.</summary>
    public void Sleep(NetQueue queue)
    {
        long deadline = queue.Arm();
        if (deadline != BlockQueue.Ready && _waiter.Wait(deadline) != 0)
        {
            Wakes++;
        }
    }

    /// <summary>Sleeps no more for a queue.</summary>
    public void Forget(NetQueue queue)
    {
        if (queue.Events is { } events)
        {
            _waiter.Remove(events);
        }
    }

    public void SetLink(bool isUp) => Machine.Monitor.Execute("set_link", new() { ["name"] = "nic", ["up"] = isUp });

    public void Dispose()
    {
        Port.Dispose();
        _memory.Dispose();
        _device.Dispose();
        Peer.Dispose();
        _waiter.Dispose();
        _segments.Dispose();
    }
}
