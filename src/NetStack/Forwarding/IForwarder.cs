namespace Makatea.NetStack;

/// <summary>What is done with frames: a switch, a router. All calls are made on the forwarding thread, one for each batch.</summary>
public interface IForwarder
{
    /// <summary>Most buffers that the forwarder keeps beyond a batch, for each port; they are set aside when a port is attached.</summary>
    int BuffersHeld => 0;

    /// <summary>
    /// Takes a batch of frames from a port, in order. Each is this forwarder's and leaves it once, by <see cref="ForwardingPlane.Send(int, int)"/> or <see cref="ForwardingPlane.Drop"/>, now or later.
    /// Frames have at least an Ethernet header.
    /// </summary>
    /// <param name="plane">Where they go.</param>
    /// <param name="port">The port's number.</param>
    /// <param name="frames">The frames, at most <see cref="ForwardingPlane.BatchSize"/>.</param>
    void Forward(ForwardingPlane plane, int port, ReadOnlySpan<int> frames);

    /// <summary>Does what is due.</summary>
    /// <param name="plane">Where frames go.</param>
    /// <param name="now">The time, <see cref="ForwardingPlane.Now"/>.</param>
    /// <returns>When to be called again at the latest, in the same terms; <see cref="long.MaxValue"/> where only frames matter. It is called again after each batch that took it past that.</returns>
    long Tick(ForwardingPlane plane, long now) => long.MaxValue;

    /// <summary>A port was attached or detached, or what it says of itself changed: <see cref="ForwardingPlane.Port"/> tells, and is null once it is detached.</summary>
    void PortChanged(ForwardingPlane plane, int port)
    {
    }
}
