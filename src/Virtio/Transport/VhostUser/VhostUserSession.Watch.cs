using Makatea.Platform;

namespace Makatea.Virtio;

/// <summary>What happens outside the message loop: queues break, configuration changes, memory goes away.</summary>
internal sealed partial class VhostUserSession
{
    /// <summary>Ends the connection for a reason found outside the message loop.</summary>
    private void End(Exception reason)
    {
        Interlocked.CompareExchange(ref _endReason, reason, null);
        _channel.Close();
    }

    private void NotifyConfigChanged() => _backend?.NotifyConfigChanged();

    /// <summary>On the worker's thread, so nothing here may wait for the message loop, which may be stopping this worker.</summary>
    private void OnBroken(QueueWorker worker, int queue, GuestMemory memory)
    {
        VhostUserLogMessages.QueueBroken(_logger, _device.Name, queue, worker.Fault);
        if (memory.IsLost)
        {
            End(LostMemory("guest memory"));
            return;
        }

        _status.SetNeedsReset();
        NotifyConfigChanged();
    }

    private void Watch()
    {
        // A message in the works may be stopping queues for a while; the next tick looks again.
        if (!_handling.TryEnter())
        {
            return;
        }

        try
        {
            if (_memory.Memory.IsLost)
            {
                End(LostMemory("guest memory"));
            }
            else if (_inflight is { IsLost: true })
            {
                End(LostMemory("the in-flight region"));
            }
            else if (_log is { IsLost: true })
            {
                End(LostMemory("the log"));
            }

            if (_logDoorbell is not null && IsLogging)
            {
                _logDoorbell.Ring();
            }
        }
        finally
        {
            _handling.Exit();
        }
    }

    private static VhostUserProtocolException LostMemory(string what) =>
        new($"the front end took {what} away while it was in use (it truncated the file behind it)");
}
