namespace Makatea.Vmm;

/// <summary>
/// What connects local APICs, I/O APICs and devices that send messages. It takes messages and interrupts from any thread and takes no lock; an interrupt costs at most a look at
/// each processor.
/// </summary>
public sealed class LocalApicBus : InterruptController
{
    private readonly Lock _changes = new();
    private LocalApic[] _apics = [];
    private IoApic[] _ioApics = [];
    private long _dropped;

    /// <summary>Number of messages that were none, and of interrupts that meant nobody.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <inheritdoc/>
    public override void Send(ulong address, uint data)
    {
        if (InterruptRequest.TryParse(address, data, out InterruptRequest request) && request.Mode != DeliveryMode.StartUp)
        {
            Deliver(request);
        }
        else
        {
            Interlocked.Increment(ref _dropped);
        }
    }

    /// <summary>Delivers an interrupt to whom it means. From any thread.</summary>
    public InterruptDelivery Deliver(in InterruptRequest request)
    {
        LocalApic[] apics = Volatile.Read(ref _apics);
        InterruptDelivery result = InterruptDelivery.Refused;
        if (request.Mode == DeliveryMode.LowestPriority)
        {
            result = DeliverToOne(apics, request);
        }
        else if (!request.IsLogical && request.Destination < (uint)apics.Length && apics[request.Destination] is var only && only.Id == request.Destination)
        {
            // Most are for one processor by its ID, and IDs are given from 0 on.
            result = only.IsEnabled ? only.Accept(request) : result;
        }
        else
        {
            foreach (LocalApic apic in apics)
            {
                if (apic.IsMeant(request.Destination, request.IsLogical) && apic.Accept(request) is var one && one > result)
                {
                    result = one;
                }
            }
        }

        if (result == InterruptDelivery.Refused)
        {
            Interlocked.Increment(ref _dropped);
        }

        return result;
    }

    internal void DeliverToAll(in InterruptRequest request, LocalApic? except)
    {
        if (request.Mode == DeliveryMode.LowestPriority)
        {
            _ = DeliverToOne(Volatile.Read(ref _apics), request with { Destination = InterruptRequest.Everybody, IsLogical = false }, except);
            return;
        }

        foreach (LocalApic apic in Volatile.Read(ref _apics))
        {
            if (apic != except && apic.IsEnabled)
            {
                apic.Accept(request);
            }
        }
    }

    internal void EndInterrupt(byte vector)
    {
        foreach (IoApic ioApic in Volatile.Read(ref _ioApics))
        {
            ioApic.EndInterrupt(vector);
        }
    }

    internal void Add(LocalApic apic)
    {
        lock (_changes)
        {
            if (Array.Exists(_apics, a => a.Id == apic.Id))
            {
                throw new ArgumentException($"there is a local APIC of ID {apic.Id} already", nameof(apic));
            }

            Volatile.Write(ref _apics, [.. _apics.Append(apic).OrderBy(a => a.Id)]);
        }
    }

    internal void Add(IoApic ioApic)
    {
        lock (_changes)
        {
            Volatile.Write(ref _ioApics, [.. _ioApics, ioApic]);
        }
    }

    /// <summary>
    /// Of those that it means one, chosen by the vector: so each vector stays with a processor and vectors are spread, as chipsets do it. Whose priority
    /// is the lowest is known to the processors' own threads alone.
    /// </summary>
    private static InterruptDelivery DeliverToOne(LocalApic[] apics, in InterruptRequest request, LocalApic? except = null)
    {
        int count = 0;
        foreach (LocalApic apic in apics)
        {
            count += IsCandidate(apic, request, except) ? 1 : 0;
        }

        if (count != 0)
        {
            int chosen = request.Vector % count;
            foreach (LocalApic apic in apics)
            {
                if (IsCandidate(apic, request, except) && chosen-- == 0)
                {
                    return apic.Accept(request);
                }
            }
        }

        return InterruptDelivery.Refused;
    }

    private static bool IsCandidate(LocalApic apic, in InterruptRequest request, LocalApic? except) =>
        apic != except && apic.AcceptsVectors && apic.IsMeant(request.Destination, request.IsLogical);
}
