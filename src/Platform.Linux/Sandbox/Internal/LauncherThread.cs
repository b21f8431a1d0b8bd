using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;

namespace Makatea.Platform.Linux.Sandboxing;

/// <summary>
/// The one thread that starts sandboxed processes. The kernel ends a child with its parent when the thread that cloned it ends, so
/// that must be a thread that lives as long as the process; and one start at a time means that no child inherits another's pipes.
/// </summary>
internal static class LauncherThread
{
    private static readonly BlockingCollection<Action> _work = Start();

    /// <summary>Runs <paramref name="start"/> there and returns what it returns.</summary>
    public static T Run<T>(Func<T> start)
    {
        T result = default!;
        ExceptionDispatchInfo? error = null;
        using var done = new ManualResetEventSlim();
        _work.Add(() =>
        {
            try
            {
                result = start();
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }

            done.Set();
        });
        done.Wait();
        error?.Throw();
        return result;
    }

    private static BlockingCollection<Action> Start()
    {
        var work = new BlockingCollection<Action>();
        new Thread(() =>
        {
            foreach (Action action in work.GetConsumingEnumerable())
            {
                action();
            }
        })
        {
            IsBackground = true,
            Name = "sandbox launcher",
        }.Start();
        return work;
    }
}
