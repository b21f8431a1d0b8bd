using Makatea.Vmm.Linux.Monitor;

namespace Makatea.Vmm.Linux;

/// <content>What others have the qube do while it runs. From any thread, one after the other; it holds over resets.</content>
internal sealed partial class QubeProgram
{
    private readonly Lock _control = new();
    private bool _isPaused;
    private bool _isResetByHost;

    /// <summary>Raised for each event, on any thread; must not block.</summary>
    public event Action<MonitorEvent>? Happened;

    /// <summary>How it is, by QEMU's names (<c>RunState</c>).</summary>
    public string Status
    {
        get
        {
            lock (_control)
            {
                return _isOver ? "shutdown" : _isPaused ? (_hasRun ? "paused" : "prelaunch") : "running";
            }
        }
    }

    /// <summary>Stands it still, also before it begins.</summary>
    public void Pause()
    {
        lock (_control)
        {
            if (!_isPaused && !_isOver)
            {
                _isPaused = true;
                _qube?.Pause();
                Happened?.Invoke(MonitorEvent.Stop);
            }
        }
    }

    /// <summary>Lets it go on.</summary>
    public void Resume()
    {
        lock (_control)
        {
            if (_isPaused && !_isOver)
            {
                _isPaused = false;
                _hasRun = true;
                _qube?.Resume();
                Happened?.Invoke(MonitorEvent.Resume);
            }
        }
    }

    /// <summary>Presses its power button.</summary>
    public void PressPowerButton()
    {
        lock (_control)
        {
            _qube?.PressPowerButton();
            Happened?.Invoke(MonitorEvent.PowerDown);
        }
    }

    /// <summary>Presses its reset button.</summary>
    public void Reset()
    {
        lock (_control)
        {
            _isResetByHost = _qube is not null;
            _qube?.Reset();
        }
    }

    /// <summary>Pulls its plug.</summary>
    /// <param name="reason">Why, as a <c>ShutdownCause</c> of QEMU's.</param>
    public void End(string reason)
    {
        lock (_control)
        {
            _endReason ??= reason;
            _qube?.Kill();
        }
    }

    /// <summary>Looks at what runs now.</summary>
    /// <param name="look">Looks; no other control is used meanwhile.</param>
    /// <exception cref="MonitorException">Nothing runs, as in between a reset and the start behind it.</exception>
    public T Look<T>(Func<Qube, T> look)
    {
        lock (_control)
        {
            return _qube is { } qube ? look(qube) : throw new MonitorException("the qube is starting or ending; ask again");
        }
    }

    /// <summary>Looks at what runs now.</summary>
    /// <param name="look">Looks; no other control is used meanwhile.</param>
    /// <param name="otherwise">Where nothing runs, as in between a reset and the start behind it.</param>
    public T Look<T>(Func<Qube, T> look, T otherwise)
    {
        lock (_control)
        {
            return _qube is { } qube ? look(qube) : otherwise;
        }
    }
}
