using System.Buffers.Binary;
using System.Net.Sockets;
using Makatea.AdapterExchange;

namespace Makatea.EndToEnd.Sel4;

/// <summary>The host's end of the 82574L's wire: checks each frame of the exchange and answers it. Frames come over a UNIX socket, each behind its length.</summary>
internal sealed class WirePeer : IDisposable
{
    private static readonly byte[] _address = [0x52, 0x54, 0, 0, 0, 1];

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly Thread _thread;
    private long _answered;
    private Exception? _failure;

    public WirePeer(string path)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _thread = new Thread(Run) { IsBackground = true, Name = "wire" };
        _thread.Start();
    }

    /// <summary>Frames that came as they were sent.</summary>
    public long Answered => Volatile.Read(ref _answered);

    /// <summary>Throws what the peer found wrong, if anything.</summary>
    public void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw new InvalidOperationException("the peer on the wire failed", failure);
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Run()
    {
        try
        {
            using Socket socket = _listener.Accept();
            using var stream = new NetworkStream(socket);
            byte[] frame = new byte[65536];
            byte[] answer = new byte[sizeof(int) + ExchangeFrame.MaxLength];
            while (true)
            {
                stream.ReadExactly(frame.AsSpan(0, sizeof(int)));
                int length = BinaryPrimitives.ReadInt32BigEndian(frame);
                stream.ReadExactly(frame.AsSpan(0, length));
                if (ExchangeFrame.TryRead(frame.AsSpan(0, length), ExchangeFrame.Ours, out uint number))
                {
                    int written = ExchangeFrame.Write(answer.AsSpan(sizeof(int)), frame.AsSpan(6, 6), _address, number, ExchangeFrame.Peers);
                    BinaryPrimitives.WriteInt32BigEndian(answer, written);
                    Interlocked.Increment(ref _answered);
                    stream.Write(answer.AsSpan(0, sizeof(int) + written));
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // The machine was switched off.
        }
        catch (InvalidDataException e)
        {
            _failure = e;
        }
    }
}
