namespace Makatea.Drivers.Nvme;

/// <summary>The controller's own thread: looks after it from time to time, and at once when woken.</summary>
internal sealed class Watchdog : IDisposable
{
    private readonly AutoResetEvent _wake = new(false);
    private readonly Thread _thread;
    private readonly Action _watch;
    private readonly TimeSpan _interval;
    private volatile bool _isStopping;

    internal Watchdog(string name, TimeSpan interval, Action watch)
    {
        _watch = watch;
        _interval = interval;
        _thread = new Thread(Run) { Name = name, IsBackground = true };
        _thread.Start();
    }

    internal void Wake() => _wake.Set();

    /// <summary>Ends the thread; it is not in <c>watch</c> any more after the return. A late <see cref="Wake"/> does no harm.</summary>
    public void Dispose()
    {
        _isStopping = true;
        _wake.Set();
        if (Thread.CurrentThread != _thread)
        {
            _thread.Join();
        }
    }

    private void Run()
    {
        while (!_isStopping)
        {
            _wake.WaitOne(_interval);
            if (!_isStopping)
            {
                _watch();
            }
        }
    }
}
