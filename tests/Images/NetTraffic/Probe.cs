using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Makatea.NetTraffic;

/// <summary>
/// Sends a numbered datagram every 10 ms to a server that echoes them, and prints how many came back and the longest time between two answers: how long the way there was gone, to one packet.
/// A stream tells less, as it waits for its own timers.
/// </summary>
internal static class Probe
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(10);

    public static int Run(IPEndPoint server, TimeSpan time)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(server);
        List<double> latencies = [];
        var watch = Stopwatch.StartNew();
        TimeSpan last = default;
        TimeSpan gap = default;
        long sent = 0;
        while (watch.Elapsed < time)
        {
            TimeSpan next = _interval * sent;
            if (watch.Elapsed >= next)
            {
                sent++;
                Try(() => socket.Send(BitConverter.GetBytes(watch.Elapsed.Ticks)));
                continue;
            }

            TimeSpan wait = next - watch.Elapsed;
            if (wait <= TimeSpan.Zero || !socket.Poll(wait, SelectMode.SelectRead))
            {
                continue;
            }

            int length = 0;
            byte[] answer = new byte[8];
            Try(() => length = socket.Receive(answer));
            if (length == 8)
            {
                TimeSpan now = watch.Elapsed;
                latencies.Add((now - TimeSpan.FromTicks(BitConverter.ToInt64(answer))).TotalMicroseconds);
                gap = latencies.Count > 1 && now - last > gap ? now - last : gap;
                last = now;
            }
        }

        gap = watch.Elapsed - last > gap ? watch.Elapsed - last : gap;
        latencies.Sort();
        double median = latencies.Count == 0 ? -1 : latencies[latencies.Count / 2];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"sent {sent} answered {latencies.Count} gap-ms {gap.TotalMilliseconds:0} median-us {median:0}"));
        return latencies.Count == 0 ? 1 : 0;
    }

    /// <summary>While the way is gone, ICMP errors show as errors of the socket.</summary>
    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (SocketException)
        {
        }
    }
}
