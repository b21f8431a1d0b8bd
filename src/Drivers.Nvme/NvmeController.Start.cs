using Makatea.Platform;

namespace Makatea.Drivers.Nvme;

/// <content>Start and end of the controller.</content>
public sealed partial class NvmeController
{
    private void Start()
    {
        _session.Stop();
        _session.Start();
        MaxQueues = _session.QueueCount;
        if (MaxQueues < 1)
        {
            throw new NvmeException(NvmeFault.NoResources, "the controller has no I/O queue");
        }

        _freeQueueIds.UnionWith(Enumerable.Range(1, MaxQueues));
        Namespaces = _session.ListNamespaces();
        ReadHealthOnce();
        EnableInterrupts();
        _session.Admin.RequestEvents(Identity.EventRequests);
        _watchdog = new Watchdog($"nvme {_function.Address}", Options.WatchInterval, Watch);
    }

    private void EnableInterrupts()
    {
        int count = Math.Min(_function.MaxInterrupts, 1 + MaxQueues);
        if (!Options.UseInterrupts || count < 2)
        {
            return;
        }

        try
        {
            _interrupts = _function.EnableInterrupts(count);
            if (_interrupts.Kind == PciInterruptKind.Pin)
            {
                _function.DisableInterrupts();
                _interrupts = null;
            }
        }
        catch (IOException)
        {
            // Without interrupts queues are polled.
            _interrupts = null;
        }
    }

    private void ShutDown()
    {
        Gate.Stop(_queues);
        try
        {
            foreach (NvmeQueue queue in _queues)
            {
                _session.Delete(queue.Pair);
            }

            _session.Port.Shutdown(Identity.ShutdownTime > Options.ShutdownTimeout ? Identity.ShutdownTime : Options.ShutdownTimeout);
            _session.Stop();
        }
        catch (IOException)
        {
            // It is switched off all the same.
        }

        SwitchOff();
    }

    /// <summary>The function reaches no memory any more. Its doorbells stay until it is disposed, as users may wait for them.</summary>
    private void SwitchOff()
    {
        try
        {
            _function.SetBusMaster(false);
        }
        catch (IOException)
        {
            // A function that is gone is off.
        }
    }

    /// <summary>Gives back what was taken; nothing is asked of the controller any more.</summary>
    private void Abandon()
    {
        SwitchOff();
        Mappings.Clear();
        _session.Dispose();
    }

    private void ThrowIfUnusable()
    {
        if (Failure is { } failure)
        {
            throw new NvmeException(failure.Fault, $"the controller was given up: {failure.Message}", failure);
        }

        ObjectDisposedException.ThrowIf(_isClosed, this);
    }
}
