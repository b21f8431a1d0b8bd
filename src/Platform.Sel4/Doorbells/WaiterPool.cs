namespace Makatea.Platform.Sel4;

/// <summary>The notifications that the component's threads wait at, as many as the system file gives it.</summary>
internal sealed class WaiterPool
{
    private readonly KernelGate _gate;
    private readonly ComponentTable _table;
    private readonly Lock _lock = new();
    private readonly Stack<ulong> _free = [];

    internal WaiterPool(KernelGate gate, ComponentTable table)
    {
        _gate = gate;
        _table = table;
        for (ulong number = table.Waiters; number > 0; number--)
        {
            _free.Push(number - 1);
        }
    }

    /// <summary>Takes one.</summary>
    /// <exception cref="IOException">All are in use.</exception>
    internal NotificationWaiter Take()
    {
        lock (_lock)
        {
            return _free.TryPop(out ulong number)
                ? new NotificationWaiter(_gate, this, _table.FirstWaiter + number, number)
                : throw new IOException($"all {_table.Waiters} waiters of component '{_table.Name}' are in use; give it more in the system file (waiters)");
        }
    }

    /// <summary>Takes one back.</summary>
    internal void Return(ulong number)
    {
        lock (_lock)
        {
            _free.Push(number);
        }
    }
}
