using Makatea.Platform;
using Makatea.Tests.E1000;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>A plane with ports in memory, turned by hand. Its end fails where a buffer is missing.</summary>
internal sealed class PlaneBed : IDisposable
{
    private readonly LocalMemory _memory;
    private readonly NetQueueOptions _options;

    public PlaneBed(IForwarder forwarder, int buffers = 2048, NetQueueOptions? options = null)
        : this(frames => new ForwardingPlane(frames, forwarder), buffers, options)
    {
    }

    public PlaneBed(Func<FramePool, ForwardingPlane> plane, int buffers = 2048, NetQueueOptions? options = null)
    {
        _options = options ?? new() { ReceiveDepth = 64, TransmitDepth = 64 };
        _memory = new(buffers * FramePool.BufferLength);
        Frames = new(_memory);
        Plane = plane(Frames);
    }

    public FramePool Frames { get; }

    public ForwardingPlane Plane { get; }

    public long Now { get; set; } = 1_000_000;

    public List<MemoryPort> Ports { get; } = [];

    /// <summary>Frames that the forwarder keeps at the end.</summary>
    public int Kept { get; set; }

    public ForwardingPort Attach(MemoryPort? port = null)
    {
        port ??= new();
        Ports.Add(port);
        ForwardingPort attached = Plane.Attach(port, $"port{Ports.Count - 1}", [port.OpenQueue(0, _options)], _options);
        Plane.Turn(Now);
        return attached;
    }

    /// <summary>Turns until nothing is left to do.</summary>
    public void Run()
    {
        while (Plane.Turn(Now))
        {
        }

        Plane.Turn(Now);
    }

    /// <summary>Has a frame arrive at a port, and everything be done.</summary>
    public void Arrive(int port, byte[] frame, NetFrameOffload offload = default)
    {
        Ports[port].Queue.Arrive(frame, offload);
        Run();
    }

    /// <summary>Takes what was sent out of a port since the last time.</summary>
    public List<SentFrame> TakeSent(int port)
    {
        List<SentFrame> sent = [.. Ports[port].Queue.Sent];
        Ports[port].Queue.Sent.Clear();
        return sent;
    }

    public void Dispose()
    {
        for (int i = 0; i < Plane.PortLimit; i++)
        {
            if (Plane.Port(i) is { } port)
            {
                Plane.Detach(port);
            }
        }

        Assert.Equal(Frames.Count, Frames.Available + Kept);
        Frames.Dispose();
        _memory.Dispose();
    }
}
