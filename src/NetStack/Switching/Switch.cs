using Makatea.Platform;

namespace Makatea.NetStack;

/// <summary>
/// A learning switch ([IEEE 802.1Q] 8): frames go to the port at which their destination was heard, to all others where it was not, or where they are for a group. It trusts stations to be who they say;
/// where they may not, a router is needed.
/// </summary>
public sealed class Switch : IForwarder
{
    private const int Stations = 4096;
    private const int StationsOfPort = 512;
    private const long AgeLimit = 300_000;
    private const long AgeInterval = 10_000;

    // 01-80-c2-00-00-00 to -0f are for the switch itself and go no further ([IEEE 802.1Q] 8.6.3).
    private const ulong Reserved = 0x0180_c200_0000;

    private readonly StationTable _stations;

    /// <summary>Makes one.</summary>
    /// <param name="key">A secret, so that nobody can aim at one place of the table.</param>
    public Switch(ulong key) => _stations = new(Stations, StationsOfPort, AgeLimit, key);

    /// <inheritdoc/>
    public void Forward(ForwardingPlane plane, int port, ReadOnlySpan<int> frames)
    {
        foreach (int frame in frames)
        {
            ReadOnlySpan<byte> head = plane.Frames.Head(frame);
            MacAddress source = Ethernet.Source(head);
            MacAddress destination = Ethernet.Destination(head);
            if (source.IsMulticast || source.Value == 0 || (destination.Value & ~0xfUL) == Reserved)
            {
                plane.Drop(frame);
                continue;
            }

            _stations.Learn(source, port, plane.Now);
            int egress = destination.IsMulticast ? -1 : _stations.Find(destination, plane.Now);
            if (egress < 0)
            {
                Flood(plane, port, frame);
            }
            else if (egress == port)
            {
                plane.Drop(frame);
            }
            else
            {
                plane.Send(egress, frame);
            }
        }
    }

    /// <inheritdoc/>
    public long Tick(ForwardingPlane plane, long now)
    {
        _stations.Age(now);
        return now + AgeInterval;
    }

    /// <inheritdoc/>
    public void PortChanged(ForwardingPlane plane, int port)
    {
        if (plane.Port(port) is not { Info.IsLinkUp: true })
        {
            _stations.Forget(port);
        }
    }

    private static void Flood(ForwardingPlane plane, int port, int frame)
    {
        // Each but the last gets a copy.
        int last = -1;
        for (int egress = 0; egress < plane.PortLimit; egress++)
        {
            if (egress == port || plane.Port(egress) is null)
            {
                continue;
            }

            if (last >= 0)
            {
                SendCopy(plane, last, frame);
            }

            last = egress;
        }

        if (last >= 0)
        {
            plane.Send(last, frame);
        }
        else
        {
            plane.Drop(frame);
        }
    }

    private static void SendCopy(ForwardingPlane plane, int egress, int frame)
    {
        int copy = FrameBytes.Clone(plane.Frames, frame);
        if (copy != FramePool.None)
        {
            plane.Send(egress, copy);
        }
        else
        {
            plane.Port(egress)!.Counters.SendErrors++;
        }
    }
}
