using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Makatea.EndToEnd.Sel4;

/// <summary>A web server on the host's loopback interface that has one page. It gives it by HTTP/1.0, to one client at a time.</summary>
internal sealed class PageServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly byte[] _page;
    private readonly Thread _thread;
    private int _served;

    public PageServer(int length, int seed)
    {
        _page = new byte[length];
        new Random(seed).NextBytes(_page);
        _listener.Start();
        _thread = new Thread(Run) { IsBackground = true, Name = "page server" };
        _thread.Start();
    }

    public const string Path = "/page";

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How often the page was asked for and given.</summary>
    public int Served => Volatile.Read(ref _served);

    /// <summary>FNV-1a of the page, 64 bits, in hexadecimal.</summary>
    public string Check => _page.Aggregate(0xcbf2_9ce4_8422_2325, (check, value) => (check ^ value) * 0x100_0000_01b3).ToString("x16", CultureInfo.InvariantCulture);

    public void Dispose()
    {
        _listener.Stop();
        _thread.Join();
        _listener.Dispose();
    }

    private void Run()
    {
        try
        {
            while (true)
            {
                using TcpClient client = _listener.AcceptTcpClient();
                Serve(client);
            }
        }
        catch (SocketException)
        {
            // The listener was stopped.
        }
    }

    private void Serve(TcpClient client)
    {
        try
        {
            using NetworkStream stream = client.GetStream();
            using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
            string? request = reader.ReadLine();
            while (reader.ReadLine() is { Length: > 0 })
            {
            }

            bool isIt = request == $"GET {Path} HTTP/1.0";
            stream.Write(Encoding.ASCII.GetBytes(isIt
                ? string.Create(CultureInfo.InvariantCulture, $"HTTP/1.0 200 OK\r\nContent-Length: {_page.Length}\r\n\r\n")
                : "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
            if (isIt)
            {
                stream.Write(_page);
                Interlocked.Increment(ref _served);
            }
        }
        catch (IOException)
        {
            // The client was switched off.
        }
    }
}
