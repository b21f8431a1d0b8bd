namespace Makatea.Platform.Linux;

/// <summary>
/// Turns writes of device models to words of memory into rings. No processor takes these messages, so a thread looks for them: all the time while they come, every
/// 50 µs after a while, every millisecond in the end.
/// </summary>
internal sealed class MessagePoller(ModelMemory physical) : IDisposable
{
    private const int SpinRounds = 200;
    private const int ShortRounds = 2000;
    private const long ShortPause = 50_000;
    private const long LongPause = 1_000_000;

    private readonly Lock _lock = new();
    private readonly List<MessagePage> _pages = [];
    private ModelMessage[] _messages = [];
    private Thread? _thread;
    private volatile bool _ended;

    /// <summary>Makes a message for functions of <paramref name="space"/>.</summary>
    internal ModelMessage Create(DmaSpace space)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_ended, this);
            int word = -1;
            MessagePage? page = _pages.Find(p => p.Space == space && (word = p.Take()) >= 0);
            if (page is null)
            {
                page = new MessagePage(physical, space);
                _pages.Add(page);
                word = page.Take();
            }

            var message = new ModelMessage(this, page, word);
            _messages = [.. _messages, message];
            if (_thread is null)
            {
                _thread = new Thread(Poll) { IsBackground = true, Name = "interrupt messages" };
                _thread.Start();
            }

            return message;
        }
    }

    /// <summary>Gives a message up, and its page when it was the last there.</summary>
    internal void Remove(ModelMessage message)
    {
        lock (_lock)
        {
            if (Array.IndexOf(_messages, message) < 0)
            {
                return;
            }

            _messages = [.. _messages.Where(m => m != message)];
            message.Page.Release(message.Word);
            if (message.Page.IsEmpty)
            {
                _pages.Remove(message.Page);
                message.Page.Dispose();
            }
        }
    }

    /// <summary>Looks no more. To be done before the memory goes.</summary>
    public void Dispose()
    {
        _ended = true;
        _thread?.Join();
    }

    private void Poll()
    {
        int idle = 0;
        while (!_ended)
        {
            bool rang = false;
            lock (_lock)
            {
                // What is removed is not touched any more: its page may be another's, and its doorbell goes.
                foreach (ModelMessage message in _messages)
                {
                    if (message.Page.WasWritten(message.Word))
                    {
                        rang = true;
                        message.Doorbell.Ring();
                    }
                }
            }

            idle = rang ? 0 : idle + 1;
            if (idle < SpinRounds)
            {
                Thread.Yield();
            }
            else
            {
                idle = Math.Min(idle, SpinRounds + ShortRounds);
                Libc.Pause(idle < SpinRounds + ShortRounds ? ShortPause : LongPause);
            }
        }
    }
}
