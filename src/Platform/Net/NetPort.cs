namespace Makatea.Platform;

/// <summary>
/// A port for Ethernet frames: a network adapter, a TAP device, a guest's interface. It is opened once and has a fixed number of queues, each for one thread.
/// </summary>
public abstract class NetPort : IDisposable
{
    /// <summary>What the port is and does now.</summary>
    public abstract NetPortInfo Info { get; }

    /// <summary>Raised when <see cref="Info"/> changed, such as the link. On any thread.</summary>
    public event Action? InfoChanged;

    /// <summary>
    /// Opens a queue pair. Frames are received from the first queue's opening on, and are spread over the open queues by flow; those of no flow arrive in queue 0.
    /// </summary>
    /// <param name="index">0 to <see cref="NetPortInfo.QueueCount"/> - 1; each is opened once at a time.</param>
    /// <param name="options">How it is to be.</param>
    /// <exception cref="ArgumentException">An option is not possible here; the message says what is.</exception>
    public abstract NetQueue OpenQueue(int index, NetQueueOptions options);

    /// <summary>Chooses which frames are received; those for <see cref="NetPortInfo.Address"/> always are.</summary>
    public abstract void SetFilter(NetFilter filter);

    /// <summary>
    /// Tells that frames and buffers will lie in <paramref name="memory"/>, so that an adapter that reaches memory by itself need not copy. They may lie elsewhere; that is
    /// <see cref="NetStatistics.CopiedFrames">counted</see>.
    /// </summary>
    /// <exception cref="IOException">The adapter was to reach it and cannot; the message says why. Frames are carried all the same, by copying.</exception>
    public virtual void AddMemory(MappedMemory memory)
    {
    }

    /// <summary>
    /// Takes back <see cref="AddMemory"/>, before the memory goes: no frame or buffer in it is with the port. Nothing reaches it after the return.
    /// </summary>
    public virtual void RemoveMemory(MappedMemory memory)
    {
    }

    /// <summary>What was counted since the port was opened.</summary>
    public abstract NetStatistics ReadStatistics();

    /// <summary>Ends the port. Its queues must have been disposed.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the port.</summary>
    protected abstract void Dispose(bool disposing);

    /// <summary>Raises <see cref="InfoChanged"/>.</summary>
    protected void OnInfoChanged() => InfoChanged?.Invoke();
}
