namespace Makatea.Sel4.LinuxAbi;

/// <summary>Futexes of one process: threads wait in the order in which they came.</summary>
internal static unsafe class Futexes
{
    /// <summary>Whoever waits.</summary>
    internal const uint AnyMask = uint.MaxValue;

    private const uint Wait = 0;
    private const uint WakeSome = 1;
    private const uint Requeue = 3;
    private const uint CompareRequeue = 4;
    private const uint WaitMasked = 9;
    private const uint WakeMasked = 10;
    private const uint OperationMask = 0x7f;
    private const uint RealtimeClock = 0x100;

    private static LinuxThread* s_first;
    private static LinuxThread* s_last;

    /// <summary>Starts with nobody waiting.</summary>
    internal static void Start() => s_first = s_last = null;

    /// <summary>futex(address, operation, value, time or count, other address, mask).</summary>
    internal static long Call(LinuxThread* thread)
    {
        ref Registers call = ref thread->Registers;
        ulong address = call.Rdi;
        uint operation = (uint)call.Rsi & OperationMask;
        uint value = (uint)call.Rdx;
        if ((address & (sizeof(uint) - 1)) != 0)
        {
            return Errno.Invalid;
        }

        switch (operation)
        {
            case Wait:
            case WaitMasked:
                uint mask = operation == Wait ? AnyMask : (uint)call.R9;
                return mask == 0 ? Errno.Invalid : Enter(thread, value, call.R10, mask);
            case WakeSome:
                return Wake(address, value, AnyMask);
            case WakeMasked:
                return (uint)call.R9 == 0 ? Errno.Invalid : Wake(address, value, (uint)call.R9);
            case Requeue:
                return Move(address, value, (uint)call.R10, call.R8);
            case CompareRequeue:
                if (!UserMemory.CanRead(address, sizeof(uint)))
                {
                    return Errno.Fault;
                }

                return *(uint*)address == (uint)call.R9 ? Move(address, value, (uint)call.R10, call.R8) : Errno.Again;
            default:
                return Errno.NotImplemented;
        }
    }

    /// <summary>Wakes threads.</summary>
    /// <param name="address">The futex.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="mask">Those that listen to one of these bits.</param>
    /// <returns>How many.</returns>
    internal static long Wake(ulong address, uint count, uint mask)
    {
        uint woken = 0;
        for (LinuxThread* thread = s_first; thread != null && woken < count;)
        {
            LinuxThread* next = thread->Next;
            if (thread->FutexAddress == address && (thread->FutexMask & mask) != 0)
            {
                Waits.Complete(thread, 0);
                woken++;
            }

            thread = next;
        }

        return woken;
    }

    /// <summary>A thread waits no more.</summary>
    internal static void Leave(LinuxThread* thread)
    {
        if (thread->Previous == null)
        {
            s_first = thread->Next;
        }
        else
        {
            thread->Previous->Next = thread->Next;
        }

        if (thread->Next == null)
        {
            s_last = thread->Previous;
        }
        else
        {
            thread->Next->Previous = thread->Previous;
        }

        thread->Next = thread->Previous = null;
    }

    /// <summary>The call that a thread is in has a time of day for its end, so that it may be made again.</summary>
    internal static bool IsAbsolute(LinuxThread* thread) => thread->Registers.Rax == SystemCalls.Futex && ((uint)thread->Registers.Rsi & OperationMask) == WaitMasked;

    private static long Enter(LinuxThread* thread, uint expected, ulong timeAddress, uint mask)
    {
        ref Registers call = ref thread->Registers;
        ulong deadline = Clock.Never;
        if (!UserMemory.CanRead(call.Rdi, sizeof(uint)) || (timeAddress != 0 && !UserMemory.CanRead(timeAddress, (ulong)sizeof(TimeValue))))
        {
            return Errno.Fault;
        }

        if (timeAddress != 0)
        {
            var time = *(TimeValue*)timeAddress;
            if (!time.IsValid)
            {
                return Errno.Invalid;
            }

            ulong clock = ((uint)call.Rsi & RealtimeClock) != 0 ? 0u : 1u;
            deadline = Clock.ToMoment(clock, time, isAbsolute: IsAbsolute(thread));
        }

        if (*(uint*)call.Rdi != expected)
        {
            return Errno.Again;
        }

        if (deadline <= Clock.Now())
        {
            return Errno.TimedOut;
        }

        thread->FutexAddress = call.Rdi;
        thread->FutexMask = mask;
        thread->Next = null;
        thread->Previous = s_last;
        if (s_last == null)
        {
            s_first = thread;
        }
        else
        {
            s_last->Next = thread;
        }

        s_last = thread;
        return Waits.Begin(thread, WaitKind.Futex, deadline);
    }

    /// <summary>Wakes some and lets others wait at another futex.</summary>
    private static long Move(ulong address, uint woken, uint moved, ulong target)
    {
        long count = Wake(address, woken, AnyMask);
        for (LinuxThread* thread = s_first; thread != null && moved > 0; thread = thread->Next)
        {
            if (thread->FutexAddress == address)
            {
                thread->FutexAddress = target;
                moved--;
                count++;
            }
        }

        return count;
    }
}
