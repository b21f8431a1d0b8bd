namespace Makatea.Virtio.Net;

/// <summary>Something that is done on another thread while we wait.</summary>
internal sealed class Change(Action action) : IDisposable
{
    private readonly ManualResetEventSlim _made = new();
    private Exception? _failure;

    /// <summary>Does it; on the other thread.</summary>
    public void Make()
    {
        try
        {
            action();
        }
#pragma warning disable CA1031 // It is the waiter's, who throws it on.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _failure = e;
        }

        _made.Set();
    }

    /// <summary>Waits until it was done.</summary>
    public void Wait()
    {
        _made.Wait();
        if (_failure is { } failure)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _made.Dispose();
}
