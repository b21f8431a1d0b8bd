using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Makatea.NetTraffic;
using Makatea.Tests.Net;

namespace Makatea.EndToEnd;

/// <summary>The other end of tests/Images/NetTraffic, in a namespace: checked streams over TCP, and datagrams that are echoed, over IPv4 and IPv6.</summary>
internal sealed class StreamServer : IDisposable
{
    /// <summary>Its port, of TCP and UDP.</summary>
    public const int Port = 5001;

    private readonly Socket _listener;
    private readonly Socket _echo;
    private readonly ConcurrentDictionary<ulong, StreamEnd> _streams = new();
    private readonly ConcurrentQueue<string> _faults = new();

    public StreamServer(NetBed bed)
    {
        _listener = bed.In(() => Bind(SocketType.Stream, ProtocolType.Tcp));
        _echo = bed.In(() => Bind(SocketType.Dgram, ProtocolType.Udp));
        _listener.Listen(16);
        StartThread(AcceptAll);
        StartThread(Echo);
    }

    /// <summary>What went wrong, on its side.</summary>
    public IEnumerable<string> Faults => _faults;

    /// <summary>A stream by its seed.</summary>
    public StreamEnd this[ulong seed] => _streams[seed];

    /// <summary>Whether a stream began.</summary>
    public bool Has(ulong seed) => _streams.ContainsKey(seed);

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Dispose();
        _echo.Dispose();
    }

    private static Socket Bind(SocketType type, ProtocolType protocol)
    {
        var socket = new Socket(AddressFamily.InterNetworkV6, type, protocol) { DualMode = true };
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, Port));
        return socket;
    }

    private static void StartThread(Action action) => new Thread(() => UntilClosed(action)) { IsBackground = true }.Start();

    private static void UntilClosed(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted or SocketError.Interrupted })
        {
        }
    }

    private void AcceptAll()
    {
        while (true)
        {
            Socket client = _listener.Accept();
            StartThread(() => Serve(client));
        }
    }

    private void Serve(Socket client)
    {
        using Socket socket = client;
        StreamRequest request = default;
        try
        {
            byte[] hello = new byte[StreamRequest.EncodedLength];
            for (int got = 0; got < hello.Length;)
            {
                int count = socket.Receive(hello.AsSpan(got));
                if (count == 0)
                {
                    return;
                }

                got += count;
            }

            request = StreamRequest.Read(hello);
            var stream = new StreamEnd(socket, request);
            _streams[request.Seed] = stream;
            if (request.IsUpload)
            {
                stream.Receive();
            }
            else
            {
                stream.Send();
            }
        }
        catch (Exception e) when (e is SocketException or InvalidDataException)
        {
            _faults.Enqueue($"stream {request}: {e.Message}");
        }
    }

    private void Echo()
    {
        byte[] datagram = new byte[2048];
        while (true)
        {
            EndPoint from = new IPEndPoint(IPAddress.IPv6Any, 0);
            int length = _echo.ReceiveFrom(datagram, ref from);
            _echo.SendTo(datagram.AsSpan(0, length), SocketFlags.None, from);
        }
    }
}
