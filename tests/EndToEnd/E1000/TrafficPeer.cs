using System.Buffers.Binary;
using System.Net.Sockets;
using Makatea.Tests.Traffic;

namespace Makatea.EndToEnd;

/// <summary>
/// The other end of an adapter's wire in a long exchange of frames: a socket on which QEMU puts each frame behind its length in 32 bits, big-endian (<c>-netdev stream</c>).
/// It sends no more at a time than the adapter's side is known to have room for, and checks every byte that arrives, checksums recomputed.
/// </summary>
internal sealed class TrafficPeer : IDisposable
{
    private const int Window = 1536;
    private const int ReportEvery = 128;
    private const int LengthPrefix = 4;
    private const int VlanTag = 4;
    private const int MinLength = 60;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly uint _count;
    private readonly byte[] _adapter;
    private readonly uint[] _expected = new uint[TrafficFrame.Flows];
    private readonly uint[] _received = new uint[2];
    private readonly Lock _lock = new();
    private readonly AutoResetEvent _moved = new(false);
    private uint _acknowledged;
    private bool _hasBegun;
    private Exception? _failure;

    /// <summary>Listens at <paramref name="path"/> for QEMU.</summary>
    /// <param name="path">Of a UNIX socket.</param>
    /// <param name="count">Frames each way.</param>
    /// <param name="adapter">The adapter's address.</param>
    public TrafficPeer(string path, uint count, byte[] adapter)
    {
        _count = count;
        _adapter = adapter;
        for (uint i = 0; i < TrafficFrame.Flows; i++)
        {
            _expected[i] = i;
        }

        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
    }

    /// <summary>Frames that came.</summary>
    public uint Received => _received[0] + _received[1];

    /// <summary>Frames of ours that the adapter's side has.</summary>
    public uint Acknowledged => _acknowledged;

    /// <summary>Exchanges the frames, on two threads of its own.</summary>
    public Task RunAsync() => Task.Factory.StartNew(
        () =>
        {
            using Socket socket = _listener.Accept();
            socket.SendTimeout = (int)_patience.TotalMilliseconds;
            var reader = new Thread(() => Guarded(() => Read(socket))) { IsBackground = true };
            reader.Start();
            Guarded(() => Write(socket));
            socket.Shutdown(SocketShutdown.Both);
            reader.Join();
            if (_failure is not null)
            {
                throw new InvalidOperationException(ToString(), _failure);
            }
        },
        TaskCreationOptions.LongRunning);

    public override string ToString() =>
        $"the peer received {Received} of {_count} frames, {_acknowledged} of its own arrived{(_failure is null ? "" : $"; it gave up: {_failure.Message}")}";

    public void Dispose()
    {
        _listener.Dispose();
        _moved.Dispose();
    }

    private bool IsDone => Received == _count && _acknowledged == _count;

    private void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            lock (_lock)
            {
                _failure ??= IsDone ? null : e;
            }

            _moved.Set();
        }
    }

    private void Write(Socket socket)
    {
        byte[] buffer = new byte[64 << 10];
        uint sent = 0;
        uint reported = 0;
        bool isLast = false;
        while (!isLast)
        {
            uint report0;
            uint report1;
            uint sendable;
            lock (_lock)
            {
                if (_failure is not null)
                {
                    return;
                }

                (report0, report1) = (_received[0], _received[1]);
                sendable = _hasBegun ? Math.Min(_count, _acknowledged + Window) - sent : 0;
                isLast = IsDone;
            }

            int length = 0;
            for (; sendable > 0 && length + LengthPrefix + VlanTag + TrafficFrame.MaxLength <= buffer.Length; sendable--)
            {
                length += Put(buffer.AsSpan(length), sent++, report0, report1);
            }

            uint received = report0 + report1;
            if (length == 0 && (received - reported >= ReportEvery || (received == _count && reported != received)))
            {
                length = Put(buffer, TrafficFrame.ReportOnly, report0, report1);
            }

            if (length > 0)
            {
                reported = received;
                Send(socket, buffer.AsSpan(0, length));
            }
            else if (!isLast && !_moved.WaitOne(_patience) && _hasBegun)
            {
                throw new TimeoutException($"nothing came from the adapter for {_patience.TotalSeconds} s, {sent} frames sent");
            }
        }
    }

    private static void Send(Socket socket, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[socket.Send(bytes)..];
        }
    }

    private int Put(Span<byte> packet, uint number, uint report0, uint report1)
    {
        Span<byte> frame = packet[LengthPrefix..];
        int headers = TrafficFrame.WriteHeaders(frame, number, fromPeer: true, _adapter, report0, report1);
        (int start, int body) = TrafficFrame.BodyOf(number);
        TrafficFrame.Bytes.AsSpan(start, body).CopyTo(frame[headers..]);
        int length = headers + body;
        int flow = TrafficFrame.FlowOf(number);
        int transport = TrafficFrame.TransportOf(flow);
        int checksum = ~InternetChecksum.Sum(frame[transport..length]) & 0xffff;
        checksum = TrafficFrame.IsWrong(number) ? checksum ^ 0x5a5a : checksum;
        BinaryPrimitives.WriteUInt16BigEndian(frame[(transport + TrafficFrame.ChecksumOffsetOf(flow))..], (ushort)(checksum == 0 ? 0xffff : checksum));
        if (TrafficFrame.VlanOf(flow) is not 0 and ushort vlan)
        {
            frame[12..length].CopyTo(frame[(12 + VlanTag)..]);
            BinaryPrimitives.WriteUInt32BigEndian(frame[12..], 0x8100_0000u | vlan);
            length += VlanTag;
        }

        // No wire carries less, and the adapter counts it as an error.
        if (length < MinLength)
        {
            frame[length..MinLength].Clear();
            length = MinLength;
        }

        BinaryPrimitives.WriteInt32BigEndian(packet, length);
        return LengthPrefix + length;
    }

    private void Read(Socket socket)
    {
        byte[] buffer = new byte[1 << 20];
        int filled = 0;
        while (true)
        {
            int count = socket.Receive(buffer, filled, buffer.Length - filled, SocketFlags.None);
            if (count == 0)
            {
                throw new IOException("QEMU ended");
            }

            filled += count;
            int taken = 0;
            lock (_lock)
            {
                while (filled - taken >= LengthPrefix)
                {
                    int length = BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(taken));
                    Assert.InRange(length, 14, TrafficFrame.MaxLength + VlanTag);
                    if (filled - taken - LengthPrefix < length)
                    {
                        break;
                    }

                    Take(buffer.AsSpan(taken + LengthPrefix, length));
                    taken += LengthPrefix + length;
                }

                _hasBegun = true;
            }

            buffer.AsSpan(taken, filled - taken).CopyTo(buffer);
            filled -= taken;
            _moved.Set();
        }
    }

    private void Take(Span<byte> frame)
    {
        ushort vlan = 0;
        if (BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) == 0x8100)
        {
            vlan = BinaryPrimitives.ReadUInt16BigEndian(frame[14..]);
            frame[..12].CopyTo(frame[VlanTag..]);
            frame = frame[VlanTag..];
        }

        Assert.True(TrafficFrame.TryReadInfo(frame, out uint number, out uint report0, out uint report1), $"a frame of {frame.Length} bytes is none of the adapter's side");
        int flow = TrafficFrame.FlowOf(number);
        if (vlan != TrafficFrame.VlanOf(flow) || !TrafficFrame.IsAsSent(frame, number, fromPeer: false, _adapter, report0, report1)
            || TrafficFrame.SumTransport(frame, number) != 0xffff)
        {
            Assert.Fail($"frame {number} was changed, or its checksum is wrong: VLAN {vlan:x}, sum {TrafficFrame.SumTransport(frame, number):x}, {Convert.ToHexString(frame)}");
        }

        if (number != TrafficFrame.ReportOnly)
        {
            Assert.True(number == _expected[flow], $"frame {number} came where {_expected[flow]} was to come");
            _expected[flow] += TrafficFrame.Flows;
            _received[(number >> 2) & 1]++;
        }

        _acknowledged = Math.Max(_acknowledged, report0);
    }
}
