using System.IO.Pipelines;

namespace Makatea.NetStack;

/// <summary>
/// A connection: what arrives is read from <see cref="Input"/>, what is written to <see cref="Output"/> is sent. Completing the output sends what is left and FIN; the input ends where the peer's FIN is, or with a
/// <see cref="TcpException"/>.
/// </summary>
/// <remarks>Pipes may be used on any thread; their continuations run where <see cref="TcpOptions.ApplicationScheduler"/> says.</remarks>
public sealed partial class TcpConnection : IDuplexPipe
{
    private readonly TcpHost _host;
    private readonly int _port;
    private readonly uint _initial;
    private readonly uint _timestampOffset;
    private readonly Pipe _input;
    private readonly Pipe _output;
    private readonly TcpSendBuffer _send;
    private readonly TcpScoreboard _scoreboard = new();
    private readonly TcpRoundTrip _roundTrip = new();
    private readonly TcpCongestion _congestion;
    private TcpReceiveBuffer _receive;
    private TcpState _state;

    /// <summary>Makes one that is to be opened from here.</summary>
    internal TcpConnection(TcpHost host, TcpKey key, int port, uint initial, uint timestampOffset)
    {
        (_host, Key, _port, _initial, _timestampOffset) = (host, key, port, initial, timestampOffset);
        (_unacknowledged, _next, _recover) = (initial, initial, initial);
        (_input, _output) = MakePipes(host.Options, host.Scheduler);
        Opened = new(host.Options.ApplicationScheduler is null ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
        _send = new(host.Rent(host.Options.SendBuffer), initial + 1);
        _receive = new([], 0);
        _segmentSize = key.Remote.IsIPv4 ? TcpHeader.DefaultSegmentSize4 : TcpHeader.DefaultSegmentSize6;
        _congestion = new(_segmentSize);
    }

    /// <summary>Makes one that a peer opened.</summary>
    internal TcpConnection(TcpHost host, TcpHalfOpen half)
        : this(host, half.Key, half.Port, half.Initial, half.TimestampOffset)
    {
        (IsAccepted, AcceptedOn) = (true, half.Port);
        (_unacknowledged, _next) = (_initial + 1, _initial + 1);
        Synchronize(half.Syn);
        Establish();
    }

    /// <inheritdoc/>
    public PipeReader Input => _input.Reader;

    /// <inheritdoc/>
    public PipeWriter Output => _output.Writer;

    /// <summary>The peer's address.</summary>
    public IpAddress RemoteAddress => Key.Remote;

    /// <summary>The peer's port.</summary>
    public ushort RemotePort => Key.RemotePort;

    /// <summary>Own address.</summary>
    public IpAddress LocalAddress => Key.Local;

    /// <summary>The port of the router that the peer opened it over; -1 where it was opened from here.</summary>
    public int AcceptedOn { get; } = -1;

    internal bool IsAccepted { get; }

    internal TcpKey Key { get; }

    internal TaskCompletionSource<TcpConnection> Opened { get; }

    internal TcpState State => _state;

    internal uint Initial => _initial;

    internal int SegmentSize => _segmentSize;

    internal TcpCongestion Congestion => _congestion;

    private long Now => _host.Ip.Now;

    /// <summary>Ends the connection at once; the peer gets a reset. On any thread.</summary>
    public void Abort() => _host.Scheduler.Schedule(
        static state =>
        {
            var connection = (TcpConnection)state!;
            if (connection._state != TcpState.Closed)
            {
                connection.SendReset(connection._next);
                connection.Fail(TcpFailure.Aborted, "the connection was ended on this side");
            }
        },
        this);

    /// <summary>Scale of the window for a buffer ([RFC 7323] 2.2).</summary>
    internal static int ScaleOf(int buffer)
    {
        int scale = 0;
        for (; buffer >> scale > ushort.MaxValue; scale++)
        {
        }

        return scale;
    }

    private static (Pipe Input, Pipe Output) MakePipes(TcpOptions options, PipeScheduler own)
    {
        PipeScheduler application = options.ApplicationScheduler ?? own;
        return (
            new(new(readerScheduler: application, writerScheduler: own, pauseWriterThreshold: options.ReceiveBuffer, resumeWriterThreshold: options.ReceiveBuffer / 2, useSynchronizationContext: false)),
            new(new(readerScheduler: own, writerScheduler: application, pauseWriterThreshold: options.SendBuffer, resumeWriterThreshold: options.SendBuffer / 2, useSynchronizationContext: false)));
    }

    /// <summary>Takes from the peer's SYN what both agree on.</summary>
    private void Synchronize(in TcpHeader syn)
    {
        _receive = new(_host.Rent(_host.Options.ReceiveBuffer), syn.Sequence + 1);
        (_isSack, _hasTimestamps) = (syn.IsSackPermitted && _host.Options.HasSack, syn.HasTimestamps && _host.Options.HasTimestamps);
        (_timestampRecent, _timestampRecentAt) = (syn.Timestamp, Now);
        (_sendScale, _receiveScale) = syn.Scale < 0 ? (0, 0) : (syn.Scale, ScaleOf(_host.Options.ReceiveBuffer));
        (_window, _maximumWindow) = (syn.Window, syn.Window);
        _windowSequence = syn.Sequence;
        _windowAcknowledgement = _unacknowledged;
        _advertised = _receive.Next + (uint)Math.Min(_host.Options.ReceiveBuffer, ushort.MaxValue);
        _lastAcknowledged = _receive.Next;
        if (syn.SegmentSize != 0)
        {
            _peerSegmentSize = Math.Max((int)syn.SegmentSize, LeastSegmentSize);
        }

        _segmentSize = 0;
        LimitSegmentSize();
        _congestion.Begin(_segmentSize);
    }

    private void Establish()
    {
        _state = TcpState.Established;
        (_retransmitAt, _retransmissions, _heard) = (Never, 0, Now);
        Opened.TrySetResult(this);
        PullOutput();
    }

    /// <summary>Ends the connection, in order: both sides said FIN and know that the other heard it.</summary>
    private void Finish(bool waits)
    {
        if (waits)
        {
            _host.AddTimeWait(new()
            {
                Key = Key,
                Port = _port,
                Sent = _next,
                Received = _receive.Next,
                HasTimestamps = _hasTimestamps,
                Timestamp = _timestampRecent,
                TimestampOffset = _timestampOffset,
            });
        }

        Leave();
        _output.Reader.Complete();
        PushInput();
    }

    /// <summary>Ends the connection because of a fault.</summary>
    private void Fail(TcpFailure failure, string message)
    {
        var exception = new TcpException(failure, message);
        Leave();
        _receive.Discard();
        Opened.TrySetException(exception);
        _ = Opened.Task.Exception; // seen, also where nobody waits
        _output.Reader.Complete(exception);
        CompleteInput(exception);
    }

    private void Leave()
    {
        _state = TcpState.Closed;
        (_retransmitAt, _persistAt, _acknowledgeAt) = (Never, Never, Never);
        _host.Remove(this);
        _host.Return(_send.Ring);
    }
}
