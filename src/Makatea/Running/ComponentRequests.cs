using System.Collections.Concurrent;
using Makatea.Domains.Manager;

namespace Makatea.Running;

/// <summary>Changes that a component was asked for and has not answered yet.</summary>
internal sealed class ComponentRequests
{
    private readonly ConcurrentDictionary<long, TaskCompletionSource<string?>> _waiting = new();
    private long _lastId;

    /// <summary>Number for a request.</summary>
    /// <param name="answer">Completes with what is wrong with it, or null; fails where the component ended.</param>
    public long Begin(out Task<string?> answer)
    {
        long id = Interlocked.Increment(ref _lastId);
        var source = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = source;
        answer = source.Task;
        return id;
    }

    /// <summary>The component answered.</summary>
    /// <returns>Whether it was asked.</returns>
    public bool End(ChangedMessage changed)
    {
        bool asked = _waiting.TryRemove(changed.Id, out TaskCompletionSource<string?>? source);
        source?.TrySetResult(changed.Error);
        return asked;
    }

    /// <summary>Nobody waits for it any more.</summary>
    public void Forget(long id) => _waiting.TryRemove(id, out _);

    /// <summary>The component ended, and answers nothing more.</summary>
    public void Fail()
    {
        foreach (long id in _waiting.Keys)
        {
            if (_waiting.TryRemove(id, out TaskCompletionSource<string?>? source))
            {
                source.TrySetException(new IOException("the component ended"));
            }
        }
    }
}
