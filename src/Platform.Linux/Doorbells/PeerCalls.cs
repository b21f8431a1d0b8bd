namespace Makatea.Platform.Linux;

/// <summary>Whether a thread is in a call that a peer could hold up; see <see cref="StallGuard"/>.</summary>
/// <param name="threadId">The kernel's number of this thread.</param>
internal sealed class PeerCalls(int threadId)
{
    private readonly Thread _thread = Thread.CurrentThread;

    // Odd within a call. Written by the thread alone.
    private uint _count;
    private uint _seen;

    /// <summary>The kernel's number of the thread.</summary>
    internal int ThreadId { get; } = threadId;

    /// <summary>Whether there is anybody left to hold up.</summary>
    internal bool IsThreadAlive => _thread.IsAlive;

    /// <summary>To be called before the call.</summary>
    internal void Begin() => Volatile.Write(ref _count, _count + 1);

    /// <summary>To be called after the call, whatever came of it.</summary>
    internal void End() => Volatile.Write(ref _count, _count + 1);

    /// <summary>Whether the thread is still in the call that it was in when this was last asked.</summary>
    internal bool IsStalled()
    {
        uint count = Volatile.Read(ref _count);
        bool stalled = count % 2 != 0 && count == _seen;
        _seen = count;
        return stalled;
    }
}
