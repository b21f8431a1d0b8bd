using Microsoft.Win32.SafeHandles;

namespace Makatea.Platform.Linux;

/// <summary>Knows the state of one network interface and hears of its changes, on a thread of its own.</summary>
internal sealed class LinkWatch : IDisposable
{
    private const int AnswerMilliseconds = 2000;
    private readonly LinkSocket _socket;
    private readonly EpollWaiter _waiter = new();
    private readonly EventDoorbell _stop = EventDoorbell.Create();
    private readonly ReadableDoorbell _news;
    private readonly Action<LinkState> _changed;
    private readonly Thread _thread;
    private volatile bool _isStopped;
    private LinkState _state;

    /// <summary>Takes over <paramref name="netlink"/> and finds out about the interface.</summary>
    /// <param name="netlink">A netlink socket of the interface's namespace, as <see cref="LinkSocket.Create"/> makes it.</param>
    /// <param name="name">The interface's name, or null to go by number.</param>
    /// <param name="index">Its number.</param>
    /// <param name="changed">Called with each new state, on the watch's thread, after <see cref="Start"/>.</param>
    /// <exception cref="IOException">There is no such interface.</exception>
    internal LinkWatch(SafeFileHandle netlink, string? name, int index, Action<LinkState> changed)
    {
        _socket = new LinkSocket(netlink);
        _changed = changed;
        _thread = new Thread(Run) { IsBackground = true, Name = $"link {name ?? $"{index}"}" };
        try
        {
            _news = ReadableDoorbell.Of(netlink);
            _state = Query(name, index);
        }
        catch
        {
            _stop.Dispose();
            _waiter.Dispose();
            _news?.Dispose();
            _socket.Dispose();
            throw;
        }

        _waiter.Add(_news, 0);
        _waiter.Add(_stop, 1);
    }

    /// <summary>The state when the watch was made.</summary>
    internal LinkState Initial => _state;

    /// <summary>Starts to listen.</summary>
    internal void Start() => _thread.Start();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isStopped)
        {
            _isStopped = true;
            _stop.Ring();
            if (_thread.IsAlive)
            {
                _thread.Join();
            }

            _waiter.Dispose();
            _stop.Dispose();
            _news.Dispose();
            _socket.Dispose();
        }
    }

    private LinkState Query(string? name, int index)
    {
        var changes = new List<LinkState>();
        _socket.Ask(name, index);
        long deadline = Environment.TickCount64 + AnswerMilliseconds;
        while (Environment.TickCount64 < deadline)
        {
            // There may be old news before the answer, and some were lost where nobody read for long.
            int error = _socket.Receive(AnswerMilliseconds, changes);
            if (error == Errno.ENODEV)
            {
                throw LinuxError.Io($"there is no network interface {name ?? $"number {index}"}", "RTM_GETLINK", error, "see 'ip link'");
            }

            if (error != 0 && error != Errno.ENOBUFS)
            {
                throw LinuxError.Io($"cannot find out about the network interface {name ?? $"number {index}"}", "RTM_GETLINK", error);
            }

            foreach (LinkState state in changes)
            {
                if (name is null ? state.Index == index : state.Name == name)
                {
                    return state;
                }
            }
        }

        throw new IOException($"the kernel told nothing of the network interface {name ?? $"number {index}"}");
    }

    private void Run()
    {
        var changes = new List<LinkState>();

        // What was told before the doorbell was added rings no more.
        Take(changes);
        while (!_isStopped)
        {
            _waiter.Wait(DoorbellWaiter.Forever);
            Take(changes);
        }
    }

    private void Take(List<LinkState> changes)
    {
        do
        {
            try
            {
                if (_socket.Receive(0, changes) == Errno.ENOBUFS)
                {
                    _socket.Ask(null, _state.Index);
                }
            }
            catch (IOException)
            {
                return;
            }

            foreach (LinkState state in changes)
            {
                if (state.Index == _state.Index && state != _state)
                {
                    _state = state;
                    _changed(state);
                }
            }
        }
        while (changes.Count != 0 && !_isStopped);
    }
}
