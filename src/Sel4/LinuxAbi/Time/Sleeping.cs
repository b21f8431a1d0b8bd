namespace Makatea.Sel4.LinuxAbi;

/// <summary>System calls that read clocks or wait for the time.</summary>
internal static unsafe class Sleeping
{
    private const ulong Monotonic = 1;

    /// <summary>nanosleep(time, rest).</summary>
    internal static long Sleep(LinuxThread* thread) => Sleep(thread, Monotonic, isAbsolute: false, thread->Registers.Rdi, thread->Registers.Rsi);

    /// <summary>clock_nanosleep(clock, flags, time, rest).</summary>
    internal static long SleepBy(LinuxThread* thread)
    {
        ref Registers call = ref thread->Registers;
        bool isAbsolute = (call.Rsi & 1) != 0;
        return Sleep(thread, call.Rdi, isAbsolute, call.Rdx, isAbsolute ? 0 : call.R10);
    }

    /// <summary>clock_gettime(clock, target).</summary>
    internal static long Read(ulong clock, ulong target) => UserMemory.CanWrite(target, (ulong)sizeof(TimeValue)) ? Clock.Read(clock, (TimeValue*)target) : Errno.Fault;

    /// <summary>clock_getres(clock, target).</summary>
    internal static long Resolution(ulong target)
    {
        if (target != 0 && !UserMemory.CanWrite(target, (ulong)sizeof(TimeValue)))
        {
            return Errno.Fault;
        }

        if (target != 0)
        {
            *(TimeValue*)target = new TimeValue { Part = 1 };
        }

        return 0;
    }

    /// <summary>gettimeofday(target).</summary>
    internal static long TimeOfDay(ulong target)
    {
        long result = Read(0, target);
        if (result == 0)
        {
            ((TimeValue*)target)->Part /= 1000;
        }

        return result;
    }

    /// <summary>sched_yield: all others run first, for a while.</summary>
    internal static long Yield(LinuxThread* thread)
    {
        Threads.SetPriority(thread, isRaised: false, isLowered: true);
        Signals.LookAgain(thread);
        return 0;
    }

    /// <summary>A sleep was interrupted: tells how much of it is left.</summary>
    internal static void TellRest(ulong address, ulong deadline)
    {
        ulong now = Clock.Now();
        ulong rest = deadline > now ? deadline - now : 0;
        if (UserMemory.CanWrite(address, (ulong)sizeof(TimeValue)))
        {
            *(TimeValue*)address = new TimeValue { Seconds = rest / Clock.NanosecondsPerSecond, Part = rest % Clock.NanosecondsPerSecond };
        }
    }

    private static long Sleep(LinuxThread* thread, ulong clock, bool isAbsolute, ulong timeAddress, ulong restAddress)
    {
        if (!UserMemory.CanRead(timeAddress, (ulong)sizeof(TimeValue)))
        {
            return Errno.Fault;
        }

        var time = *(TimeValue*)timeAddress;
        if (!time.IsValid)
        {
            return Errno.Invalid;
        }

        ulong deadline = Clock.ToMoment(clock, time, isAbsolute);
        thread->RestAddress = restAddress;
        return deadline <= Clock.Now() ? 0 : Waits.Begin(thread, WaitKind.Sleep, deadline);
    }
}
