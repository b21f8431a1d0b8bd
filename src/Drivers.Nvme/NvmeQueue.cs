using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>
/// A queue pair of the controller for one namespace, for one thread. Requests are handed to the controller in one batch and one doorbell write; what does not fit waits in order.
/// </summary>
/// <remarks>
/// Everything of a queue but its creation is done by its user's thread, recovery too: after a reset the thread finds the gate's word changed, and sends again what is
/// outstanding. A command that took too long completes only once the controller said so or was stopped, for until then it may write to memory.
/// </remarks>
public sealed partial class NvmeQueue : BlockQueue
{
    /// <summary>Until the watchdog is through with a reset, it is asked again this often.</summary>
    private static readonly TimeSpan StoppedInterval = TimeSpan.FromMilliseconds(10);
    private const int Unsettled = -2;

    private readonly NvmeController _controller;
    private readonly NvmeNamespace _namespace;
    private readonly RecoveryGate _gate;
    private readonly NvmeOptions _options;
    private readonly QueuePair _pair;
    private readonly SubmissionRing _submissions;
    private readonly CompletionRing _completions;
    private readonly DataMapper _mapper;
    private readonly CommandTable _commands;
    private readonly RequestState[] _requests;
    private readonly FixedQueue<int> _pending;
    private readonly FixedQueue<BlockCompletion> _finished;
    private readonly QueueLimits _limits;
    private readonly NvmeCapabilities _capabilities;
    private readonly uint _namespaceId;
    private readonly int _shift;
    private readonly long _timeout;
    private readonly bool _hasUsersDoorbell;
    private int _isInside;
    private int _seenWord;
    private bool _isRunning;
    private bool _isDisposed;
    private int _open;
    private int _waiting;
    private long _now = Environment.TickCount64;
    private long _nextScan = long.MaxValue;
    private long _armedUntil = long.MaxValue;
    private int _report;
    private int _processor = Unsettled;

    internal NvmeQueue(NvmeController controller, NvmeNamespace owner, QueuePair pair, DataMapper mapper, int depth, Doorbell? completions)
    {
        _controller = controller;
        _namespace = owner;
        _gate = controller.Gate;
        _options = controller.Options;
        _pair = pair;
        _submissions = pair.Submissions;
        _completions = pair.Completions;
        _mapper = mapper;
        _commands = new CommandTable(SlotsOf(pair.Entries));
        _requests = new RequestState[depth];
        _pending = new FixedQueue<int>(depth);
        _finished = new FixedQueue<BlockCompletion>(depth);
        NamespaceGeometry geometry = owner.RequireGeometry();
        _limits = QueueLimits.Of(controller.Identity, controller.CommandLimits, geometry.BlockShift);
        _capabilities = NvmeCapabilities.Of(controller, geometry);
        _namespaceId = geometry.NamespaceId;
        _shift = geometry.SectorShift;
        _timeout = (long)_options.CommandTimeout.TotalMilliseconds;
        _seenWord = _gate.Word;
        _isRunning = !RecoveryGate.IsStopped(_seenWord);
        Completions = completions;
        _hasUsersDoorbell = completions is not null && pair.Vector < 0;
    }

    /// <inheritdoc/>
    public override Doorbell? Completions { get; }

    /// <summary>What the queue did since it was opened. May be read by any thread; the numbers need not be of one moment.</summary>
    public NvmeQueueStatistics Statistics => new()
    {
        Vector = _pair.Vector,
        Processor = _processor,
        Commands = _commandCount,
        DoorbellWrites = _submissions.RegisterWrites,
        BouncedBytes = _mapper.Bounce.CopiedBytes,
        Retries = _retries,
        Replays = _replays,
        Timeouts = _timeouts,
        LateInterrupts = _lateInterrupts,
        Errors = _errors,
    };

    internal QueuePair Pair => _pair;

    internal bool IsInside => Volatile.Read(ref _isInside) != 0;

    /// <summary>Commands that the controller completed, for the watchdog to tell progress from none.</summary>
    internal long CompletedCommands => Volatile.Read(ref _completedCommands);

    /// <inheritdoc/>
    public override void Submit(ReadOnlySpan<BlockRequest> requests)
    {
        Volatile.Write(ref _isInside, 1);
        try
        {
            if (_gate.Word != _seenWord)
            {
                Resume();
            }

            _now = Environment.TickCount64;
            NamespaceGeometry? geometry = _namespace.Geometry;
            foreach (ref readonly BlockRequest request in requests)
            {
                Accept(request, geometry);
            }

            if (_isRunning)
            {
                CheckTime();
                _submissions.Publish();
            }
        }
        finally
        {
            Volatile.Write(ref _isInside, 0);
        }
    }

    /// <inheritdoc/>
    public override int Poll(Span<BlockCompletion> completions)
    {
        Volatile.Write(ref _isInside, 1);
        try
        {
            if (_gate.Word != _seenWord)
            {
                Resume();
            }

            int count = 0;
            while (_finished.Count != 0 && count < completions.Length)
            {
                completions[count++] = _finished.Dequeue();
            }

            if (_isRunning)
            {
                count = TakeCompletions(completions, count);
            }

            if (_isRunning)
            {
                GoOn(isIdle: count == 0);
            }

            _open -= count;
            return count;
        }
        finally
        {
            Volatile.Write(ref _isInside, 0);
        }
    }

    /// <inheritdoc/>
    public override long Arm()
    {
        Volatile.Write(ref _isInside, 1);
        try
        {
            if (_gate.Word != _seenWord)
            {
                Resume();
            }

            if (_finished.Count != 0 || (_isRunning && _completions.HasNext))
            {
                return Ready;
            }

            if (_processor == Unsettled)
            {
                _processor = _controller.Settle(_pair.Vector);
            }

            return _open == 0 ? DoorbellWaiter.Forever : NextLook();
        }
        finally
        {
            Volatile.Write(ref _isInside, 0);
        }
    }

    /// <summary>
    /// Compares blocks with the data of <paramref name="request"/>, whose operation is not looked at. It completes like any other: with <see cref="BlockStatus.Ok"/> where they are
    /// equal, with <see cref="BlockStatus.IoError"/> and <see cref="NvmeStatus.CompareFailure"/> where they are not.
    /// </summary>
    public void SubmitCompare(in BlockRequest request)
    {
        BlockRequest compared = request;
        compared.Operation = BlockOperation.Write;
        Volatile.Write(ref _isInside, 1);
        try
        {
            if (_gate.Word != _seenWord)
            {
                Resume();
            }

            _now = Environment.TickCount64;
            AcceptCompare(compared, _namespace.Geometry);
            if (_isRunning)
            {
                _submissions.Publish();
            }
        }
        finally
        {
            Volatile.Write(ref _isInside, 0);
        }
    }

    /// <summary>
    /// How the controller ended the request that completed last under <paramref name="tag"/>: the first of its commands that failed, or success. Until the tag is used again.
    /// </summary>
    public NvmeStatus StatusOf(int tag) => _requests[tag].Status;

    /// <summary>Commands that may be outstanding with so many entries: one less, as a full queue would look empty.</summary>
    internal static int SlotsOf(int entries) => Math.Min(entries - 1, CommandTable.MaxSlots);

    /// <summary>Frees the memory, once the controller does not know the queue any more.</summary>
    internal void Free()
    {
        _mapper.Dispose();
        _pair.Dispose();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !_isDisposed)
        {
            _isDisposed = true;
            _controller.CloseQueue(this);
        }
    }
}
