namespace Makatea.Vmm;

/// <content>What any thread may call: delivering to the APIC, and waking its vCPU.</content>
public sealed partial class LocalApic
{
    /// <summary>Delivers a vector. From any thread.</summary>
    /// <param name="vector">16 to 255; others are an error that the guest sees.</param>
    /// <param name="isLevel">Whether its end is told to the I/O APICs.</param>
    /// <returns>What became of it.</returns>
    public InterruptDelivery Post(byte vector, bool isLevel)
    {
        if (!AcceptsVectors)
        {
            return InterruptDelivery.Refused;
        }

        if (vector < FirstVector)
        {
            Report(LocalApicError.ReceiveIllegalVector);
            return InterruptDelivery.Refused;
        }

        // Before IRR, so that whoever takes the vector sees how it was triggered.
        if (isLevel != _level.Contains(vector))
        {
            if (isLevel)
            {
                _level.Add(vector);
            }
            else
            {
                _level.Remove(vector);
            }
        }

        if (!_requested.Add(vector))
        {
            return InterruptDelivery.Merged; // Whoever set it woke the vCPU.
        }

        Wake();
        return InterruptDelivery.Delivered;
    }

    /// <summary>Delivers a non-maskable interrupt. From any thread.</summary>
    public void PostNmi()
    {
        _events.AddNmi();
        Wake();
    }

    /// <summary>Delivers an INIT. From any thread.</summary>
    public void PostInit()
    {
        _events.AddInit();
        Wake();
    }

    /// <summary>Delivers a start-up. From any thread.</summary>
    /// <param name="page">The number of the page to start at, below 1 MiB.</param>
    public void PostStartUp(byte page)
    {
        _events.AddStartUp(page);
        Wake();
    }

    /// <summary>Delivers what the timer or an error asks for, unless its entry is masked. From any thread.</summary>
    private void PostLocal(uint register)
    {
        uint entry = Volatile.Read(ref _localVectors[(register - LocalApicRegister.LocalVectors) >> 4]);
        if ((entry & LocalVectorBits.Masked) != 0)
        {
            return;
        }

        if ((byte)entry < FirstVector)
        {
            // The vector of the error interrupt itself may be the wrong one: that is noted and not delivered.
            Interlocked.Or(ref _errors, LocalApicError.ReceiveIllegalVector);
            return;
        }

        Post((byte)entry, isLevel: false);
    }

    private void Report(uint error)
    {
        if ((Interlocked.Or(ref _errors, error) & error) == 0)
        {
            PostLocal(LocalApicRegister.ErrorVector);
        }
    }

    /// <summary>Notes that the vCPU's thread looks now: what is posted from here on wakes it again.</summary>
    private void Look()
    {
        int thread = Environment.CurrentManagedThreadId;
        if (_thread != thread)
        {
            Volatile.Write(ref _thread, thread);
        }

        // Left alone where it is 0: whoever posts what we are about to miss will then find 0 too and wake us.
        if (Volatile.Read(ref _wakeIsUnderWay) != 0)
        {
            Interlocked.Exchange(ref _wakeIsUnderWay, 0);
        }
    }

    private void Wake()
    {
        // The vCPU's own thread looks before it enters the guest.
        if (Volatile.Read(ref _thread) != Environment.CurrentManagedThreadId && Interlocked.Exchange(ref _wakeIsUnderWay, 1) == 0)
        {
            _wake();
        }
    }
}
