using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>A stream socket whose peer answers in lines. For one thread at a time.</summary>
internal sealed unsafe class LineSocket(SafeFileHandle socket, TimeSpan timeout) : IDisposable
{
    private const int MaxLine = 16 << 20;
    private const byte EndOfLine = (byte)'\n';
    private byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;

    /// <summary>Makes a connected pair: ours, and the descriptor for the peer.</summary>
    internal static (LineSocket Ours, SafeFileHandle Theirs) CreatePair(TimeSpan timeout)
    {
        (SafeFileHandle ours, SafeFileHandle theirs) = UnixSocket.CreatePair();
        return (new LineSocket(ours, timeout), theirs);
    }

    /// <summary>Sends bytes.</summary>
    /// <exception cref="EndOfStreamException">The peer is gone.</exception>
    internal void Send(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (nint sent = 0; sent < bytes.Length;)
            {
                nint count = Libc.Write(socket, start + sent, (nuint)(bytes.Length - sent));
                if (count < 0 && Errno.Last is (Errno.EPIPE or Errno.ECONNRESET))
                {
                    throw new EndOfStreamException("the peer closed the connection");
                }

                if (count < 0 && Errno.Last != Errno.EINTR)
                {
                    throw LinuxError.Io("cannot send a line", "write", Errno.Last);
                }

                sent += Math.Max(count, 0);
            }
        }
    }

    /// <summary>Receives a line, without its end; good until the next call.</summary>
    /// <exception cref="EndOfStreamException">The peer is gone.</exception>
    /// <exception cref="TimeoutException">It did not answer in time.</exception>
    internal ReadOnlySpan<byte> ReceiveLine() => ReceiveLine(timeout);

    /// <summary>Receives a line within <paramref name="limit"/>.</summary>
    internal ReadOnlySpan<byte> ReceiveLine(TimeSpan limit)
    {
        long started = TimeProvider.System.GetTimestamp();
        int looked = _start;
        while (true)
        {
            int length = _buffer.AsSpan(looked, _end - looked).IndexOf(EndOfLine);
            if (length >= 0)
            {
                ReadOnlySpan<byte> line = _buffer.AsSpan(_start, looked + length - _start);
                _start += line.Length + 1;
                return line;
            }

            looked = _end - MakeRoom();
            int left = (int)Math.Max(0, (limit - TimeProvider.System.GetElapsedTime(started)).TotalMilliseconds);
            if (!UnixSocket.Poll(socket, Libc.POLLIN, left))
            {
                throw new TimeoutException($"no answer for {limit.TotalSeconds:0.#} s");
            }

            Fill();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => socket.Dispose();

    /// <summary>Moves what was received to the front, and makes the buffer larger where that gives no room.</summary>
    /// <returns>By how much it was moved.</returns>
    private int MakeRoom()
    {
        if (_end < _buffer.Length)
        {
            return 0;
        }

        int moved = _start;
        byte[] larger = moved > 0 ? _buffer : _buffer.Length < MaxLine ? new byte[_buffer.Length * 2] : throw new IOException($"a line is longer than {MaxLine} bytes");
        _buffer.AsSpan(_start, _end - _start).CopyTo(larger);
        _buffer = larger;
        _end -= moved;
        _start = 0;
        return moved;
    }

    private void Fill()
    {
        fixed (byte* free = &_buffer[_end])
        {
            nint count = Libc.Read(socket, free, (nuint)(_buffer.Length - _end));
            if (count == 0 || (count < 0 && Errno.Last != Errno.EINTR))
            {
                throw new EndOfStreamException("the peer closed the connection");
            }

            _end += (int)Math.Max(count, 0);
        }
    }
}
