using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;

namespace Makatea.Drivers.E1000.Tests;

/// <summary>The other end of an adapter's wire: a stream socket on which QEMU puts each frame behind its length in 32 bits, big-endian (<c>-netdev socket</c>).</summary>
internal sealed class SocketPeer : IDisposable
{
    private readonly Socket _socket;
    private readonly Thread _reader;
    private readonly BlockingCollection<byte[]> _received = [];

    private SocketPeer(Socket socket, Socket theirs)
    {
        _socket = socket;
        Theirs = theirs;
        _reader = new(Read) { IsBackground = true };
        _reader.Start();
    }

    /// <summary>QEMU's end.</summary>
    public Socket Theirs { get; }

    public static SocketPeer Create()
    {
        string path = Path.Combine(Path.GetTempPath(), $"e1000-{Guid.NewGuid():n}");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        var theirs = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        theirs.Connect(new UnixDomainSocketEndPoint(path));
        Socket ours = listener.Accept();
        File.Delete(path);
        return new(ours, theirs);
    }

    public void Send(ReadOnlySpan<byte> frame)
    {
        byte[] packet = new byte[4 + frame.Length];
        BinaryPrimitives.WriteInt32BigEndian(packet, frame.Length);
        frame.CopyTo(packet.AsSpan(4));
        for (int sent = 0; sent < packet.Length;)
        {
            sent += _socket.Send(packet.AsSpan(sent));
        }
    }

    public bool TryReceive(out byte[] frame, double seconds = 10) => _received.TryTake(out frame!, TimeSpan.FromSeconds(seconds));

    public byte[] Receive() => TryReceive(out byte[] frame) ? frame : throw new TimeoutException("no frame came out of the adapter in 10 s");

    public void Dispose()
    {
        _socket.Shutdown(SocketShutdown.Both);
        _reader.Join();
        _socket.Dispose();
        Theirs.Dispose();
        _received.Dispose();
    }

    private void Read()
    {
        byte[] length = new byte[4];
        try
        {
            while (TryFill(length))
            {
                byte[] frame = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
                if (!TryFill(frame))
                {
                    return;
                }

                _received.Add(frame);
            }
        }
        catch (SocketException)
        {
            // QEMU ended.
        }
    }

    private bool TryFill(Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = _socket.Receive(bytes);
            if (count == 0)
            {
                return false;
            }

            bytes = bytes[count..];
        }

        return true;
    }
}
