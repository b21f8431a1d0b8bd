using Makatea.Sel4;

namespace Makatea.Platform.Sel4;

/// <summary>
/// A doorbell. One of our own, between threads of the component, is bits in memory and the waiter's notification; one that is shared with another component has an end there:
/// a notification that we ring, or a grant whose rings the root task sends to our waiter. It is bound to that when it is shared, or when it was granted.
/// </summary>
internal sealed class Sel4Doorbell(KernelGate gate) : Doorbell
{
    private readonly Lock _lock = new();
    private ulong _ringSlot;
    private HeardObject? _heard;
    private Attachment? _attachment;
    private Action? _release;

    /// <summary>A doorbell that another component hears.</summary>
    /// <param name="gate">The kernel.</param>
    /// <param name="slot">What to signal.</param>
    internal static Sel4Doorbell Rung(KernelGate gate, ulong slot) => new(gate) { _ringSlot = slot };

    /// <summary>A doorbell that another component, or a device, rings.</summary>
    /// <param name="gate">The kernel.</param>
    /// <param name="kind">Kind of the grant.</param>
    /// <param name="number">Its number.</param>
    internal static Sel4Doorbell Heard(KernelGate gate, GrantKind kind, ulong number) => new(gate) { _heard = new(kind, number) };

    /// <inheritdoc/>
    public override void Ring()
    {
        ulong slot = Volatile.Read(ref _ringSlot);
        if (slot != 0)
        {
            gate.Signal(slot);
        }

        // Where nobody listens yet, nothing is lost: a doorbell rings when it is added to a waiter.
        if (Volatile.Read(ref _attachment) is { } attachment)
        {
            attachment.Waiter.Post(attachment.Bit);
        }
    }

    /// <summary>Gives the doorbell an end in another component.</summary>
    /// <param name="slot">What to signal; 0 where the other end rings.</param>
    /// <param name="heard">What to listen to; null where the other end waits.</param>
    /// <param name="release">Called when the doorbell is disposed.</param>
    /// <exception cref="InvalidOperationException">It has one.</exception>
    /// <exception cref="IOException">The root task refuses.</exception>
    internal void Bind(ulong slot, HeardObject? heard, Action release)
    {
        lock (_lock)
        {
            if (_release is not null || _ringSlot != 0 || _heard is not null)
            {
                throw new InvalidOperationException("a doorbell has one end with us and one with a peer, and this one was shared already");
            }

            if (heard is { } wanted && _attachment is { } attachment)
            {
                Listen(wanted, attachment);
            }

            _heard = heard;
            _release = release;
            Volatile.Write(ref _ringSlot, slot);
        }
    }

    /// <summary>Sends rings to a waiter. Called by the waiter.</summary>
    /// <exception cref="InvalidOperationException">Another waiter has them.</exception>
    /// <exception cref="IOException">The root task refuses.</exception>
    internal void Attach(NotificationWaiter waiter, int bit)
    {
        lock (_lock)
        {
            if (_attachment is not null)
            {
                throw new InvalidOperationException("the doorbell is added to a waiter already; remove it there first");
            }

            Attachment attachment = new(waiter, bit);
            if (_heard is { } heard)
            {
                Listen(heard, attachment);
            }

            Volatile.Write(ref _attachment, attachment);
        }
    }

    /// <summary>Sends rings nowhere. Called by the waiter.</summary>
    internal void Detach()
    {
        lock (_lock)
        {
            Volatile.Write(ref _attachment, null);
            if (_heard is { } heard)
            {
                _ = gate.Ask(RootRequest.Ignore, (ulong)heard.Kind, heard.Number);
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _attachment?.Waiter.Remove(this);
        Interlocked.Exchange(ref _release, null)?.Invoke();
    }

    private void Listen(HeardObject heard, Attachment attachment)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(attachment.Bit, NotificationWaiter.MaxHeardBit, "bit");
        RootReply reply = gate.Ask(RootRequest.Listen, (ulong)heard.Kind, heard.Number, attachment.Waiter.Number, (ulong)attachment.Bit);
        if (!reply.IsDone)
        {
            throw new IOException($"the root task does not let this component hear {heard.Kind} {heard.Number}: {reply.Answer}");
        }

        attachment.Waiter.Allow(attachment.Bit);
    }

    private sealed record Attachment(NotificationWaiter Waiter, int Bit);
}

/// <summary>What <see cref="RootRequest.Listen"/> names.</summary>
/// <param name="Kind">Kind of the grant.</param>
/// <param name="Number">Its number.</param>
internal readonly record struct HeardObject(GrantKind Kind, ulong Number);
