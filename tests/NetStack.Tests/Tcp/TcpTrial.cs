using System.IO.Pipelines;
using System.Security.Cryptography;

namespace Makatea.NetStack.Tests;

/// <summary>Two hosts and what applications on them do; all in virtual time on one thread.</summary>
internal sealed class TcpTrial
{
    internal const ushort Port = 80;

    internal TcpTrial(int seed, TcpOptions? client = null, TcpOptions? server = null, bool isIPv6 = false)
    {
        Network = new(seed);
        Client = Network.AddHost(isIPv6 ? "fd00::1" : "10.0.0.1");
        Server = Network.AddHost(isIPv6 ? "fd00::2" : "10.0.0.2");
        Client.UseTcp(client);
        Server.UseTcp(server);
    }

    internal SimulatedNetwork Network { get; }

    internal SimulatedHost Client { get; }

    internal SimulatedHost Server { get; }

    internal static byte[] Random(int seed, int length)
    {
        byte[] data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }

    /// <summary>Connects both, in virtual time.</summary>
    internal (TcpConnection Client, TcpConnection Server) Connect()
    {
        TcpConnection? accepted = null;
        Server.Tcp.Listen(Port, connection => accepted = connection);
        Task<TcpConnection> connecting = Client.Tcp.ConnectAsync(Server.Address, Port);
        Assert.True(Network.RunUntil(() => connecting.IsCompleted && (connecting.IsFaulted || accepted is not null), 200_000));
        return (connecting.GetAwaiter().GetResult(), accepted!);
    }

    /// <summary>Lets tasks run to their ends.</summary>
    internal void Finish(long milliseconds, params Task[] tasks)
    {
        Assert.True(Network.RunUntil(() => tasks.All(task => task.IsCompleted), milliseconds), $"not done after {milliseconds} ms: {string.Join(", ", tasks.Select(task => task.Status))}");
        foreach (Task task in tasks)
        {
            task.GetAwaiter().GetResult();
        }
    }

    internal static async Task WriteAsync(PipeWriter writer, ReadOnlyMemory<byte> data, int piece = 16 * 1024, bool completes = true)
    {
        for (int at = 0; at < data.Length; at += piece)
        {
            FlushResult result = await writer.WriteAsync(data.Slice(at, Math.Min(piece, data.Length - at))).ConfigureAwait(false);
            if (result.IsCompleted)
            {
                throw new IOException("the connection ended");
            }
        }

        if (completes)
        {
            await writer.CompleteAsync().ConfigureAwait(false);
        }
    }

    internal static Arrival Read(PipeReader reader) => new(reader);

    /// <summary>Sends so much both ways at once, and checks that it arrived as it was.</summary>
    internal void Transfer(int length, long milliseconds)
    {
        (TcpConnection client, TcpConnection server) = Connect();
        byte[] there = Random(1, length);
        byte[] back = Random(2, length);
        Arrival arrived = Read(server.Input);
        Arrival returned = Read(client.Input);
        Finish(milliseconds, WriteAsync(client.Output, there), WriteAsync(server.Output, back), arrived.Done, returned.Done);
        Assert.Equal(SHA256.HashData(there), SHA256.HashData(arrived.Bytes));
        Assert.Equal(SHA256.HashData(back), SHA256.HashData(returned.Bytes));
        Assert.True(Network.RunUntil(() => Client.Tcp.Connections + Server.Tcp.Connections == 0, 100_000));
    }

    /// <summary>What is read from a connection until it ends.</summary>
    internal sealed class Arrival
    {
        private readonly MemoryStream _bytes = new();

        internal Arrival(PipeReader reader) => Done = ReadAsync(reader);

        internal Task Done { get; }

        internal byte[] Bytes => _bytes.ToArray();

        private async Task ReadAsync(PipeReader reader)
        {
            while (true)
            {
                ReadResult result = await reader.ReadAsync().ConfigureAwait(false);
                foreach (ReadOnlyMemory<byte> piece in result.Buffer)
                {
                    _bytes.Write(piece.Span);
                }

                reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    await reader.CompleteAsync().ConfigureAwait(false);
                    return;
                }
            }
        }
    }
}
