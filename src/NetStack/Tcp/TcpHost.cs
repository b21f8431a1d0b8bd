using System.IO.Pipelines;

namespace Makatea.NetStack;

/// <summary>
/// TCP for the domain's own services ([RFC 9293]): connections as duplex pipes. Everything but the pipes' far ends is the forwarding thread's.
/// </summary>
/// <remarks>
/// What it holds: retransmission by [RFC 6298]; SACK by [RFC 2018] and [RFC 6675], without it NewReno by [RFC 6582]; window scaling, timestamps and PAWS by [RFC 7323]; CUBIC by [RFC 9438]; initial sequence
/// numbers by [RFC 6528]; resets, SYN and acknowledgements by whoever guesses are met as [RFC 5961] says; path MTU by [RFC 1191] and [RFC 8201] with the checks of [RFC 5927]; a bounded SYN queue for each port by
/// [RFC 4987].
/// </remarks>
public sealed partial class TcpHost : IIpReceiver, IHostTimer
{
    private const byte HopLimit = 64;

    private readonly Dictionary<TcpKey, TcpConnection> _connections = [];
    private readonly Dictionary<ushort, TcpListener> _listeners = [];
    private readonly Dictionary<int, int> _accepted = []; // connections by port of the router
    private readonly List<TcpConnection> _due = [];
    private readonly Stack<byte[]> _buffers = [];
    private readonly UInt128 _sequenceKey;
    private readonly UInt128 _timestampKey;
    private readonly NetRandom _random;
    private long _resetSecond;
    private int _resets;

    /// <summary>Makes it.</summary>
    /// <param name="ip">What it sends with.</param>
    /// <param name="random">Chooses ports and secrets.</param>
    /// <param name="scheduler">Runs actions on the forwarding thread.</param>
    /// <param name="options">Bounds.</param>
    public TcpHost(IIpLayer ip, NetRandom random, PipeScheduler scheduler, TcpOptions? options = null)
    {
        (Ip, _random, Scheduler, Options) = (ip, random, scheduler, options ?? new());
        (_sequenceKey, _timestampKey) = (random.NextKey(), random.NextKey());
        if (!int.IsPow2(Options.SendBuffer) || !int.IsPow2(Options.ReceiveBuffer))
        {
            throw new ArgumentException($"buffers of {Options.SendBuffer} and {Options.ReceiveBuffer} bytes: both have to be powers of two", nameof(options));
        }
    }

    /// <summary>Connections that are open or being opened from here.</summary>
    public int Connections => _connections.Count;

    /// <summary>Segments that were damaged or malformed.</summary>
    public long Malformed { get; private set; }

    /// <summary>Segments that were sent again.</summary>
    public long Retransmissions { get; internal set; }

    /// <summary>Connections that were not taken, as there were too many.</summary>
    public long Refused { get; private set; }

    internal IIpLayer Ip { get; }

    internal PipeScheduler Scheduler { get; }

    internal TcpOptions Options { get; }

    /// <summary>For tests of what happens around 2^32.</summary>
    internal uint SequenceOffset { get; set; }

    /// <summary>Where segments are put together.</summary>
    internal byte[] Scratch { get; } = new byte[TcpHeader.MaximumLength + ushort.MaxValue];

    /// <summary>Takes connections on a port.</summary>
    /// <param name="port">The port.</param>
    /// <param name="accepted">Gets each, on the forwarding thread.</param>
    /// <param name="admits">Which SYN packets are answered, such as those from qubes; null answers all. Others find nobody there.</param>
    /// <exception cref="InvalidOperationException">Somebody listens there already.</exception>
    public TcpListener Listen(ushort port, Action<TcpConnection> accepted, Func<IpPacketInfo, bool>? admits = null)
    {
        var listener = new TcpListener(this, port, accepted, admits);
        return _listeners.TryAdd(port, listener) ? listener : throw new InvalidOperationException($"TCP port {port} is listened on already");
    }

    /// <summary>Opens a connection. On the forwarding thread.</summary>
    /// <returns>Ends when it is open; with a <see cref="TcpException"/> where it is not to be had.</returns>
    public Task<TcpConnection> ConnectAsync(IpAddress address, ushort port)
    {
        if (_connections.Count >= Options.MaximumConnections)
        {
            Refused++;
            return Task.FromException<TcpConnection>(new TcpException(TcpFailure.TooMany, $"there are {_connections.Count} connections already, and may be no more"));
        }

        if (!Ip.TryRoute(address, out int via, out IpAddress source))
        {
            return Task.FromException<TcpConnection>(new TcpException(TcpFailure.Unreachable, $"there is no way to {address}"));
        }

        TcpKey key;
        do
        {
            key = new(source, EphemeralPorts.Next(_random), address, port);
        }
        while (_connections.ContainsKey(key) || _timeWaits.ContainsKey(key));

        var connection = new TcpConnection(this, key, via, InitialSequence(key), TimestampOffset(key));
        _connections.Add(key, connection);
        connection.Connect();
        return connection.Opened.Task;
    }

    /// <inheritdoc/>
    public LocalDelivery Receive(in IpPacketInfo info, ReadOnlySpan<byte> payload)
    {
        bool isWhole = TcpHeader.TryRead(payload, out TcpHeader header)
            && (info.IsChecksumGood || Checksum.IsRight(payload, Checksum.PseudoHeader(info.Source, info.Destination, IpProtocol.Tcp, payload.Length)));
        if (!isWhole || info.Source.IsUnspecified || info.Source.IsMulticast || info.Destination.IsMulticast || info.Destination == IpAddress.Broadcast4)
        {
            Malformed++;
            return LocalDelivery.Malformed;
        }

        var key = new TcpKey(info.Destination, header.DestinationPort, info.Source, header.SourcePort);
        ReadOnlySpan<byte> data = payload[header.TotalLength..];
        if (_connections.TryGetValue(key, out TcpConnection? connection))
        {
            connection.Receive(info.Port, header, data);
        }
        else if (!TryReceiveTimeWait(key, header) && !TryReceiveHalfOpen(info, key, header, data))
        {
            Reset(info.Port, key, header, data.Length);
        }

        return LocalDelivery.Delivered;
    }

    /// <inheritdoc/>
    public void ReceiveError(in IpErrorInfo error, ReadOnlySpan<byte> quoted)
    {
        ushort source = (ushort)((quoted[0] << 8) | quoted[1]);
        ushort destination = (ushort)((quoted[2] << 8) | quoted[3]);
        if (_connections.TryGetValue(new(error.Source, source, error.Destination, destination), out TcpConnection? connection))
        {
            connection.ReceiveError(error, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(quoted[4..]));
        }
    }

    /// <inheritdoc/>
    public long Tick(long now)
    {
        long next = Math.Min(TickHalfOpen(now), TickTimeWaits(now));
        foreach (TcpConnection connection in _connections.Values)
        {
            if (connection.Deadline <= now)
            {
                _due.Add(connection);
            }
            else
            {
                next = Math.Min(next, connection.Deadline);
            }
        }

        foreach (TcpConnection connection in _due)
        {
            connection.Tick(now);
            next = Math.Min(next, connection.Deadline);
        }

        _due.Clear();
        return next;
    }

    internal void Remove(TcpListener listener) => _listeners.Remove(listener.Port);

    /// <summary>Forgets a connection that ended.</summary>
    internal void Remove(TcpConnection connection)
    {
        if (!_connections.Remove(connection.Key))
        {
            return;
        }

        if (connection.IsAccepted && --_accepted[connection.AcceptedOn] == 0)
        {
            _accepted.Remove(connection.AcceptedOn);
        }
    }

    internal byte[] Rent(int length) => _buffers.Count > 0 && _buffers.Peek().Length == length ? _buffers.Pop() : new byte[length];

    internal void Return(byte[] buffer)
    {
        if (_buffers.Count < TcpOptions.PooledBuffers)
        {
            _buffers.Push(buffer);
        }
    }

    /// <summary>Sends a segment whose payload stands in <see cref="Scratch"/> behind where the header ends.</summary>
    internal bool Send(int port, in TcpKey key, in TcpHeader header, int headerLength, int dataLength)
    {
        Span<byte> segment = Scratch.AsSpan(0, headerLength + dataLength);
        header.Write(segment);
        Checksum.Write(segment[16..], Checksum.Add(segment, Checksum.PseudoHeader(key.Local, key.Remote, IpProtocol.Tcp, segment.Length)));
        return Ip.Send(port, key.Local, key.Remote, IpProtocol.Tcp, HopLimit, segment);
    }

    // [RFC 6528] 3: a clock of four microseconds and a secret of each pair of ends.
    private uint InitialSequence(in TcpKey key) => (uint)(Ip.Now * 250) + (uint)key.Hash(_sequenceKey) + SequenceOffset;

    // [RFC 7323] 5.4: so that timestamps do not tell for how long the domain runs.
    private uint TimestampOffset(in TcpKey key) => (uint)key.Hash(_timestampKey);

    // [RFC 9293] 3.5.2: to what belongs to no connection.
    private void Reset(int port, in TcpKey key, in TcpHeader header, int length)
    {
        if (header.Has(TcpControl.Rst) || !MayReset())
        {
            return;
        }

        uint end = header.Sequence + (uint)length + (header.Has(TcpControl.Syn) ? 1u : 0) + (header.Has(TcpControl.Fin) ? 1u : 0);
        var reset = new TcpHeader
        {
            SourcePort = key.LocalPort,
            DestinationPort = key.RemotePort,
            Sequence = header.Has(TcpControl.Ack) ? header.Acknowledgement : 0,
            Acknowledgement = header.Has(TcpControl.Ack) ? 0 : end,
            Control = header.Has(TcpControl.Ack) ? TcpControl.Rst : TcpControl.Rst | TcpControl.Ack,
        };
        Send(port, key, reset, TcpHeader.Length, 0);
    }

    private bool MayReset()
    {
        long second = Ip.Now / 1000;
        (_resetSecond, _resets) = second == _resetSecond ? (second, _resets + 1) : (second, 1);
        return _resets <= TcpOptions.ResetsPerSecond;
    }
}
