namespace Makatea.Platform.Sel4;

/// <summary>The notifications that the component's threads wait at, as many as the system file gives it.</summary>
internal sealed class WaiterPool(KernelGate gate, ComponentTable table)
{
    private readonly Lock _lock = new();
    private readonly Stack<ulong> _free = new(Enumerable.Range(0, (int)table.Waiters).Reverse().Select(n => (ulong)n));

    /// <summary>Takes one.</summary>
    /// <exception cref="IOException">All are in use.</exception>
    internal NotificationWaiter Take()
    {
        lock (_lock)
        {
            return _free.TryPop(out ulong number)
                ? new NotificationWaiter(gate, this, table.FirstWaiter + number, number)
                : throw new IOException($"all {table.Waiters} waiters of component '{table.Name}' are in use; give it more in the system file (waiters)");
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
