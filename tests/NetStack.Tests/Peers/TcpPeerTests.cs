using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Makatea.Tests.Net;

namespace Makatea.NetStack.Tests;

/// <summary>The domain's TCP against Linux's.</summary>
[Trait("Category", "Long")]
public sealed class TcpPeerTests : IDisposable
{
    private const int Piece = 64 * 1024;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(120);

    private PeerBed _bed = new(PipeScheduler.ThreadPool);

    public TcpPeerTests() => _bed.SetUplink();

    public void Dispose() => _bed.Dispose();

    [SkippableTheory]
    [InlineData("10.98.0.2", 64)]
    [InlineData("fd98::2", 32)]
    public async Task MegabytesGoBothWays(string address, int megabytes)
    {
        await Transfer(address, megabytes, acceptsHere: false);
        _bed.Capture(_bed.Mid, "up0");
        await Transfer(address, 2, acceptsHere: true);
        Assert.True(_bed.CheckCapture("up0", _bed.Uplink.Info.Address) > 300);
    }

    [SkippableTheory]
    [InlineData(0.01, 0, 0)]
    [InlineData(0.01, 0.25, 0.01)]
    public async Task OverABadNetwork(double loss, double reordering, double duplication)
    {
        Dispose();
        _bed = new(PipeScheduler.ThreadPool, new() { Delay = 1, Loss = loss, Reordering = reordering, ReorderDelay = 4, Duplication = duplication });
        _bed.SetUplink();
        await Transfer("10.98.0.2", 8, acceptsHere: false);
        Assert.True(_bed.Do(() => _bed.Faults.Lost) > 50);
    }

    /// <summary>The router in the middle tells that its next link carries less.</summary>
    [SkippableTheory]
    [InlineData("10.98.0.2")]
    [InlineData("fd98::2")]
    public async Task OverAPathThatCarriesLess(string address)
    {
        NetBed.Ip("-n", _bed.Mid.Name, "link", "set", "v0", "mtu", "1300");

        // The far end thinks that its link carries more, so that it announces large segments.
        await Transfer(address, 8, acceptsHere: false);
    }

    [SkippableFact]
    public async Task APageIsFetchedFromAWebServer()
    {
        NetBed.Require("busybox", "busybox-static");
        string page = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"line {i}\n"));
        await File.WriteAllTextAsync(Path.Combine(_bed.Folder, "page.txt"), page);
        _bed.Start(_bed.Far, "busybox", "httpd", "-f", "-p", "80", "-h", _bed.Folder);
        string response = "";
        for (int attempt = 0; attempt < 50 && response.Length == 0; attempt++)
        {
            try
            {
                response = await Fetch("10.98.0.2", "GET /page.txt HTTP/1.0\r\n\r\n");
            }
            catch (TcpException e) when (e.Failure == TcpFailure.Refused)
            {
                await Task.Delay(100); // it is being started
            }
        }

        Assert.StartsWith("HTTP/1.1 200", response);
        Assert.EndsWith(page, response);
    }

    [SkippableFact]
    public async Task APortThatIsClosedIsRefusedOnEitherSide()
    {
        TcpException refused = await Assert.ThrowsAsync<TcpException>(() => Connect("10.98.0.2", 9));
        Assert.Equal(TcpFailure.Refused, refused.Failure);
        using Socket socket = _bed.Far.In(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        SocketException error = await Assert.ThrowsAsync<SocketException>(async () => await socket.ConnectAsync(IPAddress.Parse("10.99.0.2"), 9).WaitAsync(_patience));
        Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
    }

    [SkippableFact]
    public async Task AResetOfThePeerIsHeard()
    {
        using Socket listener = Listen("10.98.0.2", out int port);
        TcpConnection connection = await Connect("10.98.0.2", port);
        Socket peer = await listener.AcceptAsync().WaitAsync(_patience);
        peer.LingerState = new(true, 0);
        peer.Close();
        TcpException reset = await Assert.ThrowsAsync<TcpException>(async () => await connection.Input.ReadAsync().AsTask().WaitAsync(_patience));
        Assert.Equal(TcpFailure.Reset, reset.Failure);
    }

    private static async Task<byte[]> Send(PipeWriter writer, int megabytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] data = new byte[Piece];
        for (int i = 0; i < megabytes * 16; i++)
        {
            Random.Shared.NextBytes(data);
            hash.AppendData(data);
            await writer.WriteAsync(data);
        }

        await writer.CompleteAsync();
        return hash.GetHashAndReset();
    }

    private static async Task<byte[]> Receive(PipeReader reader)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        while (true)
        {
            ReadResult result = await reader.ReadAsync();
            foreach (ReadOnlyMemory<byte> piece in result.Buffer)
            {
                hash.AppendData(piece.Span);
            }

            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                await reader.CompleteAsync();
                return hash.GetHashAndReset();
            }
        }
    }

    // Both ways at once, checksummed.
    private async Task Transfer(string address, int megabytes, bool acceptsHere)
    {
        (TcpConnection connection, Socket socket) = acceptsHere ? await Accept(address) : await Open(address);
        using var stream = new NetworkStream(socket, ownsSocket: true);
        Task<byte[]> sent = Task.Run(() => Send(connection.Output, megabytes));
        Task<byte[]> received = Task.Run(() => Receive(connection.Input));
        Task<byte[]> peerReceived = Task.Run(() => Receive(PipeReader.Create(stream, new(leaveOpen: true))));
        byte[] peerSent = await Task.Run(async () =>
        {
            byte[] hash = await Send(PipeWriter.Create(stream, new(leaveOpen: true)), megabytes);
            socket.Shutdown(SocketShutdown.Send);
            return hash;
        }).WaitAsync(_patience);
        Assert.Equal(await sent.WaitAsync(_patience), await peerReceived.WaitAsync(_patience));
        Assert.Equal(peerSent, await received.WaitAsync(_patience));
        _bed.Await(() => _bed.Tcp.Connections == 0, "the connection is closed");
    }

    private async Task<(TcpConnection, Socket)> Open(string address)
    {
        using Socket listener = Listen(address, out int port);
        TcpConnection connection = await Connect(address, port);
        return (connection, await listener.AcceptAsync().WaitAsync(_patience));
    }

    private async Task<(TcpConnection, Socket)> Accept(string address)
    {
        var accepted = new TaskCompletionSource<TcpConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
        // A port of the domain's own, and one that no dissector of tshark takes for its own.
        const int Port = 31_998;
        _bed.Do(() => _bed.Tcp.Listen(Port, accepted.SetResult));
        IPAddress own = IPAddress.Parse(address.Contains(':') ? "fd99::2" : "10.99.0.2");
        Socket socket = _bed.Far.In(() => new Socket(own.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        await socket.ConnectAsync(own, Port).WaitAsync(_patience);
        return (await accepted.Task.WaitAsync(_patience), socket);
    }

    private Socket Listen(string address, out int port)
    {
        Socket listener = _bed.Far.In(() => new Socket(IPAddress.Parse(address).AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        listener.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
        listener.Listen();
        port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        return listener;
    }

    // The connection is used on threads of the pool: continuations run on the forwarding thread, which must not be held up.
    private async Task<TcpConnection> Connect(string address, int port) =>
        await Task.Run(() => _bed.Do(() => _bed.Tcp.ConnectAsync(PeerBed.Ip(address), (ushort)port))).WaitAsync(_patience);

    private async Task<string> Fetch(string address, string request)
    {
        TcpConnection connection = await Connect(address, 80);
        await connection.Output.WriteAsync(System.Text.Encoding.ASCII.GetBytes(request));
        await connection.Output.CompleteAsync();
        var text = new MemoryStream();
        await connection.Input.CopyToAsync(text).WaitAsync(_patience);
        return System.Text.Encoding.ASCII.GetString(text.ToArray());
    }
}
