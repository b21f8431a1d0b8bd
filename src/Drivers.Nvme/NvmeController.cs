using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <summary>
/// An NVMe controller ([NVMe-2.1]). Its namespaces are block devices; each of their queues is a queue pair of the controller. A thread of the controller's own looks after it: a
/// controller that hangs or reports fatal status is reset, and what was outstanding is done again.
/// </summary>
/// <remarks>
/// Any thread may call any method. The controller is not trusted: what it writes is checked before it is used, and one that breaks the standard is reset, then given
/// up. From then on requests end with <see cref="BlockStatus.IoError"/>, and <see cref="Failure"/> says why.
/// </remarks>
public sealed partial class NvmeController : IDisposable
{
    /// <summary>Class code of the functions that are such controllers ([NVMe-2.1] 3.1.1).</summary>
    public const uint ClassCode = 0x010802;

    private const int MinQueueEntries = 64;
    private const int MaxQueueEntries = CommandTable.MaxSlots;

    private readonly Lock _control = new();
    private readonly PciFunction _function;
    private readonly ControllerSession _session;
    private readonly List<NvmeQueue> _queues = [];
    private NvmeQueue[] _openQueues = [];
    private readonly List<NvmeNamespace> _namespaces = [];
    private readonly SortedSet<int> _freeQueueIds = [];
    private PciInterrupts? _interrupts;
    private Watchdog? _watchdog;
    private bool _isClosed;

    private NvmeController(PciFunction function, NvmeOptions options)
    {
        _function = function;
        Options = options;
        Mappings = new SharedMappings(function.Dma);
        _session = new ControllerSession(function, options);
    }

    /// <summary>What the controller says that it is.</summary>
    public ControllerIdentity Identity => _session.Identity;

    /// <summary>Identifiers of its active namespaces.</summary>
    public IReadOnlyList<uint> Namespaces { get; private set; } = [];

    /// <summary>Most queues that can be open at a time.</summary>
    public int MaxQueues { get; private set; }

    /// <summary>Why the controller was given up; null while it works.</summary>
    public NvmeException? Failure => Gate.Failure;

    /// <summary>The health log as it was read last; null where the controller has none.</summary>
    public NvmeHealth? LastHealth { get; private set; }

    /// <summary>How often the controller was reset since it was opened.</summary>
    public int Resets { get; private set; }

    /// <summary>What each of its open queues did. The numbers need not be of one moment; nothing is waited for.</summary>
    public IReadOnlyList<NvmeQueueStatistics> Queues => Array.ConvertAll(Volatile.Read(ref _openQueues), q => q.Statistics);

    /// <summary>The controller reported something. Raised on its own thread.</summary>
    public event Action<NvmeEvent>? EventReported;

    /// <summary>The controller was reset for the reason told, and works again; what was outstanding is done again. Raised on the thread that noticed.</summary>
    public event Action<NvmeException>? Recovered;

    /// <summary>The controller was given up; <see cref="Failure"/> is set. Raised on the thread that noticed.</summary>
    public event Action? Failed;

    internal RecoveryGate Gate { get; } = new();

    internal NvmeOptions Options { get; }

    internal SharedMappings Mappings { get; }

    internal CommandSetLimits CommandLimits => _session.Limits;

    /// <summary>Starts a controller.</summary>
    /// <param name="function">Its function, which is taken over: the controller disposes it, also where it cannot be started.</param>
    /// <param name="options">How it is driven.</param>
    /// <exception cref="NvmeException">It is no NVMe controller, cannot be used, or does not start; the message says which.</exception>
    public static NvmeController Open(PciFunction function, NvmeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(function);
        options ??= new NvmeOptions();
        options.Check();
        NvmeController? controller = null;
        try
        {
            if (function.Identity.ClassCode != ClassCode)
            {
                throw new NvmeException(NvmeFault.Unsupported, $"{function.Address} is no NVMe controller: {function.Identity}");
            }

            controller = new NvmeController(function, options);
            controller.Start();
            return controller;
        }
        catch (Exception e)
        {
            controller?.Abandon();
            function.Dispose();
            if (e is IOException and not NvmeException)
            {
                throw new NvmeException(NvmeFault.NoResources, $"{function.Address} cannot be started: {e.Message}", e);
            }

            throw;
        }
    }

    /// <summary>Opens a namespace.</summary>
    /// <exception cref="NvmeException">There is none of that identifier, it has a format that cannot be used, or the controller failed.</exception>
    public NvmeNamespace OpenNamespace(uint namespaceId) => OpenNamespace(namespaceId, ownsController: false);

    /// <summary>Ends the controller: its queues are deleted, its caches made safe for the loss of power, and its function given up.</summary>
    public void Dispose()
    {
        _watchdog?.Dispose();
        lock (_control)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            if (Failure is null)
            {
                ShutDown();
                Gate.Fail(new NvmeException(NvmeFault.Closed, "the controller was disposed"), _queues);
            }

            _queues.ForEach(q => q.Wake());
        }

        Abandon();
        _function.Dispose();
    }

    internal NvmeNamespace OpenNamespace(uint namespaceId, bool ownsController)
    {
        NamespaceGeometry geometry = Administer(session => Namespaces.Contains(namespaceId) ? session.ReadNamespace(namespaceId) : null)
            ?? throw new NvmeException(
                NvmeFault.Unsupported, $"the controller has no active namespace {namespaceId}; it has {(Namespaces.Count == 0 ? "none" : string.Join(", ", Namespaces))}");
        _ = QueueLimits.Of(Identity, CommandLimits, geometry.BlockShift);
        var opened = new NvmeNamespace(this, geometry, ownsController);
        lock (_control)
        {
            _namespaces.Add(opened);
        }

        return opened;
    }

    internal void CloseNamespace(NvmeNamespace closed)
    {
        lock (_control)
        {
            _namespaces.Remove(closed);
        }
    }

    internal void WakeWatchdog() => _watchdog?.Wake();
}
