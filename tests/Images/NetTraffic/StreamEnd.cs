using System.Diagnostics;
using System.Net.Sockets;

namespace Makatea.NetTraffic;

/// <summary>Either end of a stream.</summary>
internal sealed class StreamEnd(Socket socket, StreamRequest request)
{
    private readonly byte[] _bytes = new byte[StreamContent.BlockLength];
    private readonly byte[] _scratch = new byte[StreamContent.BlockLength + 16];
    private long _done;

    /// <summary>Bytes that were sent, or received and found right.</summary>
    public long Done => Volatile.Read(ref _done);

    /// <summary>Longest time between two receptions.</summary>
    public TimeSpan LongestGap { get; private set; }

    /// <summary>Sends the stream and waits until the other end says that it has it whole.</summary>
    /// <exception cref="InvalidDataException">It said something else.</exception>
    public void Send()
    {
        while (_done < request.Length)
        {
            int count = (int)Math.Min(_bytes.Length, request.Length - _done);
            StreamContent.Fill(_bytes.AsSpan(0, (count + 7) & ~7), request.Seed, _done);
            for (int sent = 0; sent < count;)
            {
                sent += socket.Send(_bytes.AsSpan(sent, count - sent));
            }

            Volatile.Write(ref _done, _done + count);
        }

        socket.Shutdown(SocketShutdown.Send);
        if (socket.Receive(_bytes.AsSpan(0, 1)) != 1 || _bytes[0] != StreamRequest.Whole)
        {
            throw new InvalidDataException($"the receiver of {request.Length} bytes did not get them whole");
        }
    }

    /// <summary>Receives the stream to its end, and says so.</summary>
    /// <exception cref="InvalidDataException">A byte is wrong, or it is too short or too long; the message says where.</exception>
    public void Receive()
    {
        long last = Stopwatch.GetTimestamp();
        while (true)
        {
            int count = socket.Receive(_bytes);
            TimeSpan gap = Stopwatch.GetElapsedTime(last);
            last = Stopwatch.GetTimestamp();
            LongestGap = gap > LongestGap ? gap : LongestGap;
            if (count == 0)
            {
                break;
            }

            if (StreamContent.FindFault(_bytes.AsSpan(0, count), request.Seed, _done, _scratch) is >= 0 and var fault)
            {
                throw new InvalidDataException($"byte {fault} of {request.Length} is wrong");
            }

            Volatile.Write(ref _done, _done + count);
        }

        if (_done != request.Length)
        {
            throw new InvalidDataException($"{_done} bytes were received of {request.Length}");
        }

        socket.Send([StreamRequest.Whole]);
    }
}
