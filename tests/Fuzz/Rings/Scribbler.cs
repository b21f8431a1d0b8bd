using Makatea.Platform;
using Makatea.Virtio.Testing;

namespace Makatea.Fuzz.Rings;

/// <summary>A thread that changes memory while the device looks at it.</summary>
internal sealed class Scribbler : IDisposable
{
    private readonly Thread _thread;
    private readonly Lock _lock = new();
    private readonly ManualResetEventSlim _wanted = new();
    private volatile bool _running;
    private volatile bool _ended;
    private GuestBuffer[] _where = [];
    private Random _random = new();

    public Scribbler()
    {
        _thread = new Thread(Run) { IsBackground = true, Name = "scribbler" };
        _thread.Start();
    }

    public void Start(GuestBuffer[] where, uint seed)
    {
        lock (_lock)
        {
            _where = where;
            _random = new Random((int)seed);
            _running = true;
        }

        _wanted.Set();
    }

    /// <summary>Returns when nothing is written any more.</summary>
    public void Stop()
    {
        _running = false;
        _wanted.Reset();
        lock (_lock)
        {
        }
    }

    public void Dispose()
    {
        _ended = true;
        _wanted.Set();
        _thread.Join();
        _wanted.Dispose();
    }

    private void Run()
    {
        while (!_ended)
        {
            _wanted.Wait();
            lock (_lock)
            {
                while (_running && !_ended)
                {
                    SharedMemory memory = _where[_random.Next(_where.Length)].AsShared();
                    nuint offset = (nuint)_random.Next(memory.Length) & ~(nuint)1;
                    if ((int)offset <= memory.Length - 2)
                    {
                        memory.ReleaseUInt16(offset, (ushort)(_random.Next() & (_random.Next(2) == 0 ? 0xffff : 0x1f)));
                    }
                }
            }

            Thread.Yield();
        }
    }
}
