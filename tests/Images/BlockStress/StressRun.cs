using System.Diagnostics;

namespace Makatea.BlockStress;

/// <summary>Workers that write and read beside each other, and what they counted.</summary>
internal sealed class StressRun
{
    private readonly DirectDisk _disk;
    private readonly StressWorker[] _workers;
    private readonly ulong _seed;
    private volatile bool _stopping;
    private volatile string? _error;

    /// <summary>Prepares <paramref name="depth"/> workers, which share the disk out between them.</summary>
    public StressRun(DirectDisk disk, int depth, ulong seed)
    {
        _disk = disk;
        _seed = seed;
        _workers = [.. Enumerable.Range(0, depth).Select(i => new StressWorker(disk, i, depth, seed))];
    }

    /// <summary>Runs until <paramref name="stop"/>, printing the number of writes done five times a second; then checks all that was written.</summary>
    public bool Run(Func<bool> stop)
    {
        Thread[] threads = [.. _workers.Select(worker => new Thread(() => Guard(() => worker.Run(() => _stopping)), 256 << 10))];
        Array.ForEach(threads, thread => thread.Start());
        while (!stop() && _error is null)
        {
            Console.WriteLine(_workers.Sum(worker => worker.Writes));
            Thread.Sleep(200);
        }

        _stopping = true;
        Array.ForEach(threads, thread => thread.Join());
        long start = Stopwatch.GetTimestamp();
        if (_error is null)
        {
            Guard(() =>
            {
                _disk.Flush();
                Array.ForEach(_workers, worker => worker.CheckAll());
            });
        }

        Console.WriteLine(_error ?? $"verified: {_workers.Sum(worker => worker.Writes)} writes, {_workers.Sum(worker => worker.Reads)} reads checked, " +
            $"{_workers.Sum(worker => worker.BlocksWritten)} blocks, seed {_seed}, last check {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
        return _error is null;
    }

    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            _error ??= $"FAILED: {e.Message}";
        }
    }
}
