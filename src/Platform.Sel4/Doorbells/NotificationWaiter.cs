using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>
/// Waits at one notification. Rings of other components and of devices are badge bits of it; rings between threads of this component are bits in memory, and an unbadged signal
/// where the thread may be asleep. A deadline is a signal, too, which the layer's timer sends.
/// </summary>
internal sealed class NotificationWaiter : DoorbellWaiter
{
    /// <summary>The highest bit for doorbells that come as badges.</summary>
    internal const int MaxHeardBit = 61;

    private const int Bits = 64;
    private const ulong TimerBit = 1ul << 63;

    private readonly KernelGate _gate;
    private readonly WaiterPool _pool;
    private readonly ulong _slot;
    private readonly Lock _lock = new();
    private readonly List<Member> _doorbells = [];
    private ulong _used;
    private ulong _allowed;
    private ulong _pending;
    private bool _isAsleep;
    private long _timer = Forever;
    private bool _disposed;

    /// <param name="gate">The kernel.</param>
    /// <param name="pool">Who takes the notification back.</param>
    /// <param name="slot">Slot of the notification.</param>
    /// <param name="number">Its number among the component's waiters.</param>
    internal NotificationWaiter(KernelGate gate, WaiterPool pool, ulong slot, ulong number)
    {
        _gate = gate;
        _pool = pool;
        _slot = slot;
        Number = number;
    }

    /// <summary>Its number among the component's waiters.</summary>
    internal ulong Number { get; }

    /// <inheritdoc/>
    public override void Add(Doorbell doorbell, int bit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bit);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(bit, Bits);
        Sel4Doorbell ours = doorbell as Sel4Doorbell ?? throw new ArgumentException($"{doorbell.GetType()} is not a doorbell of this host", nameof(doorbell));
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            ours.Attach(this, bit);
            _doorbells.Add(new Member(ours, bit));
            Interlocked.Or(ref _used, 1ul << bit);
        }

        // Rings until now went nowhere: it rings once, and whoever waits looks.
        Post(bit);
    }

    /// <inheritdoc/>
    public override void Remove(Doorbell doorbell)
    {
        lock (_lock)
        {
            int index = _doorbells.FindIndex(d => ReferenceEquals(d.Doorbell, doorbell));
            if (index >= 0)
            {
                RemoveAt(index);
            }
        }
    }

    /// <inheritdoc/>
    public override ulong Wait(long deadline)
    {
        while (true)
        {
            ulong rung = Take();
            if (rung != 0)
            {
                return rung;
            }

            if (deadline != Forever && TimeProvider.System.GetTimestamp() >= deadline)
            {
                return Absorb(_gate.Poll(_slot)) | Take();
            }

            SetTimer(deadline);
            rung = Absorb(Sleep()) | Take();
            if (rung != 0)
            {
                return rung;
            }
        }
    }

    /// <summary>Rings from within the component.</summary>
    internal void Post(int bit)
    {
        // A full fence on the way; pairs with the one in Sleep.
        Interlocked.Or(ref _pending, 1ul << bit);
        if (Volatile.Read(ref _isAsleep))
        {
            _gate.Signal(_slot);
        }
    }

    /// <summary>Lets a bit of the notification's badges through.</summary>
    internal void Allow(int bit) => Interlocked.Or(ref _allowed, 1ul << bit);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            while (_doorbells.Count != 0)
            {
                RemoveAt(_doorbells.Count - 1);
            }
        }

        if (_timer != Forever)
        {
            _ = _gate.Layer(LayerRequest.SetTimer, Number, 0);
        }

        // The next to use the notification is not to see what this one did not.
        _ = _gate.Poll(_slot);
        _pool.Return(Number);
    }

    private void RemoveAt(int index)
    {
        int bit = _doorbells[index].Bit;
        _doorbells[index].Doorbell.Detach();
        _doorbells.RemoveAt(index);
        if (_doorbells.Exists(d => d.Bit == bit))
        {
            return;
        }

        Interlocked.And(ref _used, ~(1ul << bit));
        Interlocked.And(ref _allowed, ~(1ul << bit));
        Interlocked.And(ref _pending, ~(1ul << bit));
    }

    private ulong Take() => Volatile.Read(ref _pending) == 0 ? 0 : Interlocked.Exchange(ref _pending, 0) & Volatile.Read(ref _used);

    private ulong Absorb(ulong badges)
    {
        if ((badges & TimerBit) != 0)
        {
            _timer = Forever;
        }

        return badges & Volatile.Read(ref _allowed);
    }

    private ulong Sleep()
    {
        Volatile.Write(ref _isAsleep, true);

        // Pairs with the one in Post: either it sees that we sleep, or we see its bit.
        Interlocked.MemoryBarrier();
        ulong badges = Volatile.Read(ref _pending) == 0 ? _gate.Wait(_slot) : 0;
        Volatile.Write(ref _isAsleep, false);
        return badges;
    }

    /// <summary>
    /// A timer that goes off too early costs a turn of the loop, and setting it a trap into the layer: one that was set for an earlier deadline is left as it is.
    /// </summary>
    private void SetTimer(long deadline)
    {
        if (deadline >= _timer)
        {
            return;
        }

        long nanoseconds = (long)((Int128)deadline * 1_000_000_000 / TimeProvider.System.TimestampFrequency);
        long result = _gate.Layer(LayerRequest.SetTimer, Number, (ulong)Math.Max(nanoseconds, 1));
        _timer = result >= 0 ? deadline : throw new IOException($"the layer does not set a timer (error {-result})");
    }

    private sealed class Member(Sel4Doorbell doorbell, int bit)
    {
        public Sel4Doorbell Doorbell => doorbell;

        public int Bit => bit;
    }
}
