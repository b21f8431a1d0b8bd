using Makatea.Platform;

namespace Makatea.Virtio.Net;

/// <summary>
/// A broadcast by which switches learn where a station is ([RFC 903] a request for its own address), as QEMU sends for guests after a migration.
/// </summary>
internal static class RarpFrame
{
    /// <summary>Length in bytes: the shortest frame of Ethernet.</summary>
    public const int Length = 60;

    /// <summary>Writes the frame of a station.</summary>
    public static int Write(Span<byte> frame, MacAddress station)
    {
        frame = frame[..Length];
        frame.Clear();
        MacAddress.Broadcast.Write(frame);
        station.Write(frame[6..]);
        ReadOnlySpan<byte> request = [0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3];
        request.CopyTo(frame[12..]);
        station.Write(frame[22..]);
        station.Write(frame[32..]);
        return Length;
    }
}
