using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Makatea.NetTraffic;

// What a guest does on the network for tests/EndToEnd/Net.
switch (args)
{
    case ["send" or "receive", string address, string port, string seed, string length]:
        return Transfer(args[0] == "send", new IPEndPoint(IPAddress.Parse(address), Number(port)), (ulong)Number(seed), long.Parse(length, CultureInfo.InvariantCulture));
    case ["probe", string address, string port, string seconds]:
        return Probe.Run(new IPEndPoint(IPAddress.Parse(address), Number(port)), TimeSpan.FromSeconds(Number(seconds)));
    case ["flood", string kind, string device, string source, string destination, string seconds]:
        return new Flood(device, IPAddress.Parse(source), IPAddress.Parse(destination)).Run(kind, TimeSpan.FromSeconds(Number(seconds)));
    default:
        Console.Error.WriteLine("""
            usage: nettraffic send|receive ADDRESS PORT SEED BYTES    a checked stream
                   nettraffic probe ADDRESS PORT SECONDS              a datagram every 10 ms, and how long no answer came
                   nettraffic flood KIND DEVICE SOURCE DESTINATION SECONDS    of syn, flows, arp, fragments, small or spoofed frames, as fast as it goes
            """);
        return 2;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static int Transfer(bool isUpload, IPEndPoint server, ulong seed, long length)
{
    using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
    socket.Connect(server);
    var request = new StreamRequest(isUpload, seed, length);
    Span<byte> hello = stackalloc byte[StreamRequest.EncodedLength];
    request.Write(hello);
    socket.Send(hello);
    var watch = Stopwatch.StartNew();
    var stream = new StreamEnd(socket, request);
    try
    {
        if (isUpload)
        {
            stream.Send();
        }
        else
        {
            stream.Receive();
        }
    }
    catch (Exception e) when (e is SocketException or InvalidDataException)
    {
        Console.WriteLine($"after {stream.Done} bytes: {e.Message}");
        return 1;
    }

    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"bytes {stream.Done} ms {watch.ElapsedMilliseconds}"));
    return 0;
}
